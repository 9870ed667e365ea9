BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    Import-Module $script:ModuleFolder/CsVault/CsVault.psd1
    $script:Folder = New-TestHome
    $script:Predefined = 'CSAdministrator', 'CSVoiceAdministrator', 'CSUserAdministrator', 'CSResponseGroupAdministrator', 'CSLocationAdministrator',
        'CSArchivingAdministrator', 'CSViewOnlyAdministrator', 'CSServerAdministrator', 'CSHelpDesk', 'CSResponseGroupManager', 'CsPersistentChatAdministrator'
}
AfterAll { Remove-TestHome $script:Folder }

Describe 'Get-CsAdminRole in a fresh store' {
    It 'returns the predefined roles in order and casing' {
        (Get-CsAdminRole).Identity | Should -BeExactly $script:Predefined
    }
    It 'shows the list view' {
        $text = (Get-CsAdminRole CsHelpDesk | Out-String -Width 200) -replace "`e\[[0-9;]*m"
        $names = $text -split "`n" | Where-Object { $_ -match '^(\w+)\s+:' } | ForEach-Object { $_ -replace '\s+:.*' }
        $names.Trim() | Should -BeExactly 'Identity', 'SID', 'IsStandardRole', 'Cmdlets', 'ScriptModules', 'ConfigScopes', 'UserScopes'
        $text | Should -Match '(?m)^Cmdlets\s+: \{Name=Get-Cs\S+, Name=\S+, Name=\S+, Name=[^,]+(\.\.\.|\u2026)\}'
        $text | Should -Match '(?m)^ConfigScopes\s+: \{Global\}'
    }
    It 'answers the query of the original documentation' {
        (Get-CsAdminRole | Where-Object { $_.Cmdlets -match "Export-CsConfiguration" }).Identity | Should -Be 'CSAdministrator'
        (Get-CsAdminRole | Where-Object { $_.Cmdlets –match "Export-CsConfiguration" }).Identity | Should -Be 'CSAdministrator'
    }
    It 'has the texts that scripts match' {
        $role = Get-CsAdminRole -Identity CSAdministrator
        $role.Cmdlets -match '^Export-CsConfiguration$' | Should -BeNullOrEmpty
        @($role.Cmdlets -match 'Set-CsUser\b').Count | Should -Be 1
        "$($role.Cmdlets[0])" | Should -BeExactly 'Name=Get-CsClientPolicy'
        $role.Cmdlets.Name | Should -Contain 'Export-CsConfiguration'
        $role.Cmdlets -contains 'Export-CsConfiguration' | Should -BeTrue
        $role.ConfigScopes -match 'global' | Should -Not -BeNullOrEmpty
        $role.IsStandardRole | Should -BeOfType ([bool])
    }
    It 'expands to a table of names' {
        $text = (Get-CsAdminRole CsHelpDesk | Select-Object -ExpandProperty Cmdlets | Out-String) -replace "`e\[[0-9;]*m"
        $text | Should -Match '(?m)^Name\s*$'
        $text | Should -Match '(?m)^Get-Cs\w+\s*$'
    }
    It 'finds by identity, filter and SID' {
        (Get-CsAdminRole -Identity cshelpdesk).Identity | Should -BeExactly 'CSHelpDesk'
        (Get-CsAdminRole -Filter '*Voice*').Identity | Should -Be 'CSVoiceAdministrator'
        Get-CsAdminRole -Filter '*Nothing*' | Should -BeNullOrEmpty
        $role = Get-CsAdminRole CsHelpDesk
        (Get-CsAdminRole -Sid $role.SID).Identity | Should -BeExactly 'CSHelpDesk'
        $role.SID | Should -Match '^S-1-5-21-\d+-\d+-\d+-1139$'
    }
    It 'takes names and roles from the pipeline' {
        ('CsHelpDesk', 'CSAdministrator' | Get-CsAdminRole).Identity | Should -BeExactly 'CSHelpDesk', 'CSAdministrator'
        (Get-CsAdminRole CsHelpDesk | Get-CsAdminRole).Identity | Should -BeExactly 'CSHelpDesk'
    }
    It 'keeps its sets apart' {
        { Get-CsAdminRole -Identity a -Filter b } | Should -Throw
        { Get-CsAdminRole -Sid a -Filter b } | Should -Throw
    }
    It 'reports a miss without ending the script' {
        $found = Get-CsAdminRole CsHelpDek -ErrorAction SilentlyContinue -ErrorVariable missed
        $found | Should -BeNullOrEmpty
        $missed.Count | Should -Be 1
        $missed[0].FullyQualifiedErrorId | Should -BeExactly 'RoleNotFound,Get-CsAdminRole'
        $missed[0].CategoryInfo.Category | Should -Be 'ObjectNotFound'
        $missed[0].TargetObject | Should -Be 'CsHelpDek'
        $missed[0].ErrorDetails.RecommendedAction | Should -Match 'CSHelpDesk'
        ('none', 'CsHelpDesk' | Get-CsAdminRole -ErrorAction SilentlyContinue).Identity | Should -Be 'CSHelpDesk'
        (Get-ErrorOf { Get-CsAdminRole none -ErrorAction Stop }).Exception | Should -BeOfType ([System.Management.Automation.ItemNotFoundException])
        (Get-ErrorOf { Get-CsAdminRole 'Cs*' -ErrorAction Stop }).ErrorDetails.RecommendedAction | Should -Match '-Filter'
    }
    It 'carries the names of the original types' {
        $role = Get-CsAdminRole CsHelpDesk
        $role.PSObject.TypeNames[0] | Should -BeExactly 'Microsoft.Rtc.Management.WritableConfig.Settings.Roles.Role'
        $role.Cmdlets[0].PSObject.TypeNames[0] | Should -BeExactly 'Microsoft.Rtc.Management.WritableConfig.Settings.Roles.CmdletType'
        $role.ConfigScopes[0].PSObject.TypeNames[0] | Should -BeExactly 'Microsoft.Rtc.Management.Core.ConfigScope'
    }
    It 'stands strict mode' {
        Set-StrictMode -Version Latest
        foreach ($role in Get-CsAdminRole) {
            foreach ($property in $role.PSObject.Properties.Name) { $null = $role.$property }
            @($role.ScriptModules).Count | Should -Be 0
            $role.TemplateName | Should -BeNullOrEmpty
        }
    }
    It 'survives JSON, and CSV as a text' {
        $rows = Get-CsAdminRole CsHelpDesk | Select-Object Identity, @{ n = 'Cmdlets'; e = { $_.Cmdlets -join ';' } } | ConvertTo-Csv -NoTypeInformation
        $rows[1] | Should -Match '^"CSHelpDesk","Name=Get-Cs[^"]*;Name='
        (Get-CsAdminRole CsHelpDesk | ConvertTo-Json -Depth 3 | ConvertFrom-Json).Cmdlets[0].Name | Should -Match '^Get-Cs'
    }
    It 'gives each role cmdlets of its own' {
        $errors = $Error.Count
        $rows = foreach ($again in 1..2) { Get-CsAdminRole | Select-Object Identity -ExpandProperty Cmdlets }
        ($rows | Where-Object { "$_" -eq 'Name=Get-CsUser' -and $_.Identity -eq 'CSHelpDesk' }).Count | Should -Be 2
        foreach ($role in Get-CsAdminRole) { foreach ($cmdlet in $role.Cmdlets) { $cmdlet | Add-Member NoteProperty Role $role.Identity } }
        $Error.Count | Should -Be $errors
        $role = Get-CsAdminRole CsViewOnlyAdministrator
        $role.Cmdlets[0].Name = 'Export-CsConfiguration'
        (Get-CsAdminRole | Where-Object { $_.Cmdlets -match 'Export-CsConfiguration' }).Identity | Should -Be 'CSAdministrator'
    }
    It 'works in other runspaces' {
        if ($PSVersionTable.PSVersion -lt [version] '7.4') { Set-ItResult -Skipped -Because 'PowerShell before 7.4 binds classes to their runspace'; return }
        $roles = Get-CsAdminRole
        $counts = $roles | ForEach-Object -Parallel { @($_.Cmdlets -match 'Get-CsUser$').Count } -ThrottleLimit 4
        ($counts | Measure-Object -Sum).Sum | Should -BeGreaterThan 1
        $path = "$script:ModuleFolder/CsVault/CsVault.psd1"
        $made = 1 | ForEach-Object -Parallel { Import-Module $using:path; Get-CsAdminRole CsHelpDesk }
        $made.Cmdlets -contains 'Get-CsUser' | Should -BeTrue
        ($made | Out-String) | Should -Match 'Name=Get-Cs'
    }
    It 'reads the local store' {
        (Get-CsAdminRole -LocalStore).Identity | Should -BeExactly $script:Predefined
    }
    It 'completes names' {
        $line = 'Get-CsAdminRole -Identity CSV'
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be 'CSVoiceAdministrator', 'CSViewOnlyAdministrator' -Because 'they begin alike'
        foreach ($line in "Get-CsAdminRole 'csv", 'Get-CsAdminRole -Identity "csv', 'Get-CsAdminRole -LocalStore -Identity csV') {
            (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain 'CSVoiceAdministrator'
        }
        $line = 'Get-CsAdminRole [x'
        (TabExpansion2 $line $line.Length).CompletionMatches.Count | Should -Be 0
    }
}

Describe 'Get-CsAdminRole with custom roles' {
    BeforeAll { Import-CsConfiguration -FileName $script:Litware/config.zip }

    It 'lists custom roles too' {
        (Get-CsAdminRole | Where-Object { $_.Cmdlets -match "Export-CsConfiguration" }).Identity | Should -Be 'CSAdministrator', 'RedmondBackupOperators'
        (Get-CsAdminRole | Where-Object { $_.IsStandardRole -eq $False }).Identity | Should -Be 'RedmondBackupOperators', 'RedmondVoiceAdministrators'
        (Get-CsAdminRole | Where-Object { $_.ConfigScopes -match "site:Redmond" }).Identity | Should -Be 'RedmondVoiceAdministrators'
        (Get-CsAdminRole | Where-Object { $_.UserScopes -match "OU:ou=Redmond,dc=litwareinc,dc=com" }).Identity | Should -Be 'RedmondVoiceAdministrators'
        (Get-CsAdminRole RedmondVoiceAdministrators).TemplateName | Should -Be 'CSVoiceAdministrator'
    }
}

Describe 'Get-CsAdminRoleAssignment' {
    It 'returns strings' -Skip:($PSVersionTable.Platform -ne 'Unix') {
        $user = & id -un
        foreach ($name in @(Get-CsAdminRoleAssignment -Identity $user)) { $name | Should -BeOfType ([string]) }
    }
    It 'reports an account that is not there' {
        $record = Get-ErrorOf { Get-CsAdminRoleAssignment -Identity no-such-account -ErrorAction Stop }
        $record.FullyQualifiedErrorId | Should -BeExactly 'AccountNotFound,Get-CsAdminRoleAssignment'
        { 'no-such-account' | Get-CsAdminRoleAssignment -ErrorAction SilentlyContinue } | Should -Not -Throw
    }
}
