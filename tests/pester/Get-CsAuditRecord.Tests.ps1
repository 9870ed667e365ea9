BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    Import-Module $script:ModuleFolder/CsVault/CsVault.psd1
    $script:Folder = New-TestHome
    $null = Get-CsAdminRole CsHelpDesk
    $null = Export-CsConfiguration -AsBytes
    $null = Get-ErrorOf { Get-CsAdminRole -Filter '[x' }
}
AfterAll { Remove-TestHome $script:Folder }

Describe 'Get-CsAuditRecord' {
    It 'shows the newest records first' {
        $records = Get-CsAuditRecord
        $records[0].Cmdlet | Should -BeExactly 'Get-CsAuditRecord'
        $records[-1].Number | Should -Be 1
        $numbers = $records.Number
        ($numbers | Sort-Object -Descending) -join ' ' | Should -Be ($numbers -join ' ')
        (Get-CsAuditRecord -Newest 2).Count | Should -Be 2
    }
    It 'shows a table of four columns' {
        $text = (Get-CsAuditRecord -Newest 1 | Out-String -Width 200) -replace "`e\[[0-9;]*m"
        $text | Should -Match '(?m)^Time\s+Principal\s+Cmdlet\s+Outcome\s*$'
    }
    It 'returns objects of its own type with real times and numbers' {
        $record = Get-CsAuditRecord -Cmdlet Export-CsConfiguration -Outcome Done
        $record.PSObject.TypeNames[0] | Should -BeExactly 'CsVault.AuditRecord'
        $record.Time | Should -BeOfType ([datetime])
        $record.Time.Kind | Should -Be 'Local'
        [Math]::Abs(((Get-Date) - $record.Time).TotalMinutes) | Should -BeLessThan 5
        $record.Number | Should -BeOfType ([long])
        $record.Count | Should -Be 1
        $record.Detail | Should -Match '^\d+ bytes, sha256 [0-9a-f]{64}$'
        $record.Store | Should -Be 'Central'
        $record.Hash | Should -Match '^[0-9a-f]{64}$'
    }
    It 'has the intent before and the result after' {
        $records = Get-CsAuditRecord -Cmdlet Export-* | Sort-Object Number
        $records.Outcome | Should -Be 'Allowed', 'Done'
        $records[1].Number | Should -Be ($records[0].Number + 1)
    }
    It 'filters by outcome, principal and cmdlet' {
        (Get-CsAuditRecord -Outcome failed).Cmdlet | Should -Be 'Get-CsAdminRole'
        $both = Get-CsAuditRecord -Outcome Done, Failed
        ($both.Outcome | Sort-Object -Unique) | Should -Be 'Done', 'Failed'
        $me = $both[0].Principal
        @(Get-CsAuditRecord -Principal "$([WildcardPattern]::Escape($me))" -Outcome Done).Count | Should -Be 1
        Get-CsAuditRecord -Principal 'nobody-here*' | Should -BeNullOrEmpty
        Get-CsAuditRecord -Cmdlet Import-* | Should -BeNullOrEmpty
    }
    It 'filters by time, as values and as text' {
        $done = Get-CsAuditRecord -Outcome Done
        @(Get-CsAuditRecord -StartTime $done.Time -EndTime $done.Time).Number | Should -Contain $done.Number
        @(Get-CsAuditRecord -StartTime $done.Time.ToUniversalTime() -EndTime $done.Time).Number | Should -Contain $done.Number
        Get-CsAuditRecord -StartTime (Get-Date).AddHours(1) | Should -BeNullOrEmpty
        Get-CsAuditRecord -EndTime (Get-Date).AddHours(-1) | Should -BeNullOrEmpty
        $today = (Get-Date).ToString('yyyy-MM-dd', [cultureinfo]::InvariantCulture)
        Get-CsAuditRecord -StartTime $today -Outcome Done | Should -Not -BeNullOrEmpty
        (Get-ErrorOf { Get-CsAuditRecord -StartTime (Get-Date) -EndTime (Get-Date).AddHours(-1) -ErrorAction Stop }).FullyQualifiedErrorId |
            Should -BeExactly 'ParameterInvalid,Get-CsAuditRecord'
    }
    It 'takes no other outcome and no number below one' {
        { Get-CsAuditRecord -Outcome Refused } | Should -Throw
        (Get-ErrorOf { Get-CsAuditRecord -Newest 0 -ErrorAction Stop }).Exception.Message | Should -Match 'at least 1'
    }
    It 'completes cmdlets and outcomes' {
        $line = 'Get-CsAuditRecord -Cmdlet Export'
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be 'Export-CsConfiguration'
        $line = 'Get-CsAuditRecord -Outcome D'
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be 'Denied', 'Done'
    }
    It 'shows nothing that a terminal would act on' {
        (Get-ErrorOf { Get-CsAdminRole -Filter "[$([char]27)0;title$([char]7)$([char]0x202e)$([char]0x9b)" }).Exception.Message | Should -Not -Match '[\p{Cc}\p{Cf}]'
        $record = Get-CsAuditRecord -Outcome Failed -Newest 1
        $record.Detail | Should -Match '\\u001b0;title\\u0007\\u202e\\u009b'
        foreach ($property in $record.PSObject.Properties) { "$($property.Value)" | Should -Not -Match '[\p{Cc}\p{Cf}]' }
    }
    It 'counts what is repeated over and over' {
        1..60 | ForEach-Object { Get-CsAdminRole none -ErrorAction SilentlyContinue }
        $records = Get-CsAuditRecord -Cmdlet Get-CsAdminRole -Outcome Allowed
        @($records).Count | Should -BeLessThan 30
        ($records | Measure-Object Count -Sum).Sum | Should -BeGreaterThan 60
    }
    It 'ends early when enough was seen' {
        (Get-CsAuditRecord | Select-Object -First 1).Cmdlet | Should -BeExactly 'Get-CsAuditRecord'
        (Get-CsAdminRole CsHelpDesk).Identity | Should -BeExactly 'CSHelpDesk'
    }
    It 'has help with examples' {
        $help = Get-Help Get-CsAuditRecord -Full | Out-String
        $help | Should -Match 'Outcome Denied'
        $help | Should -Match 'nothing to change'
    }
}

Describe 'Test-CsAuditLog' {
    It 'says that a log is valid, and its last hash' {
        $state = Test-CsAuditLog
        $state.PSObject.TypeNames[0] | Should -BeExactly 'CsVault.AuditLogState'
        $state.IsValid | Should -BeOfType ([bool])
        $state.IsValid | Should -BeTrue
        $state.FirstInvalid | Should -BeNullOrEmpty
        $state.Reason | Should -BeNullOrEmpty
        $state.Records | Should -BeGreaterThan 10
        (Get-CsAuditRecord | Where-Object Hash -EQ $state.LastHash).Cmdlet | Should -BeExactly 'Test-CsAuditLog'
    }
    It 'says the same as the command line' -Skip:($PSVersionTable.Platform -ne 'Unix') {
        $log = "$env:CSVAULT_HOME/audit.log"
        $good = [System.IO.File]::ReadAllText($log)
        try {
            [System.IO.File]::WriteAllText($log, $good.Replace('"cmdlet":"Export-', '"cmdlet":"Import-'))
            $state = Test-CsAuditLog
            $state.IsValid | Should -BeFalse
            $state.FirstInvalid | Should -Be 2
            $state.File | Should -Be 'audit.log'
            $state.Line | Should -Be 2
            $state.Reason | Should -BeExactly 'Line 2 of audit.log was changed: its text does not match its hash.'
            & $env:CSVAULT_EXE audit verify | Should -BeExactly $state.Reason
            $LASTEXITCODE | Should -Be 1
            # What was changed is not shown as if it were genuine.
            $bad = @(Get-CsAuditRecord -Outcome Failed | Where-Object Detail -Match 'was changed')
            $bad.Count | Should -Be 2
            $bad[0].Time | Should -BeNullOrEmpty
        } finally {
            $lines = [System.IO.File]::ReadAllText($log)
            [System.IO.File]::WriteAllText($log, $good + $lines.Substring($good.Length))
        }
        (Test-CsAuditLog).IsValid | Should -BeTrue
    }
}
