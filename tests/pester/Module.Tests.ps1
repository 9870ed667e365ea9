BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    $script:Folder = New-TestHome
    $script:Cmdlets = (Get-ChildItem ([System.IO.Path]::Combine($script:Root, 'manifests', 'cmdlets')) -Filter *.json).BaseName | Sort-Object
}
AfterAll { Remove-TestHome $script:Folder }

Describe 'The module under its three names' {
    It 'loads as <Name>' -ForEach @(@{ Name = 'CsVault' }, @{ Name = 'Lync' }, @{ Name = 'SkypeForBusiness' }) {
        $result = Invoke-Prompt "Import-Module $Name; ((Get-Command -Module $Name).Name | Sort-Object) -join ','; @(Get-CsAdminRole).Count"
        $result.Output | Should -Match "^$($script:Cmdlets -join ',')\s+11\s*`$"
        $result.Error | Should -BeNullOrEmpty
    }
    It 'loads by itself' {
        (Invoke-Prompt '@(Get-CsAdminRole).Count').Output.Trim() | Should -Be '11'
    }
    It 'works under two names in one session, in any order, and after one is removed' {
        $result = Invoke-Prompt 'Import-Module SkypeForBusiness; Import-Module Lync; @(Get-CsAdminRole).Count; Remove-Module Lync; @(Get-CsAdminRole).Count; Import-Module CsVault; Remove-Module SkypeForBusiness; @(Get-CsAdminRole).Count'
        $result.Output -split '\s+' | Where-Object { $_ } | Should -Be '11', '11', '11'
        $result.Error | Should -BeNullOrEmpty
    }
    It 'works with a prefix' {
        $result = Invoke-Prompt "Import-Module CsVault -Prefix My; @(Get-MyCsAdminRole).Count; `$x = Export-MyCsConfiguration -AsBytes; Import-MyCsConfiguration -ByteInput `$x; (Get-MyCsTopology -AsXml).Name.LocalName"
        $result.Output -split '\s+' | Where-Object { $_ } | Should -Be '11', 'Topology'
        $result.Error | Should -BeNullOrEmpty
    }
    It 'exports nothing but its cmdlets' {
        (Invoke-Prompt 'Import-Module CsVault; @(Get-Command -Module CsVault).Count; @(Get-Variable CsVault* -ErrorAction Ignore).Count').Output -split '\s+' | Where-Object { $_ } | Should -Be "$($script:Cmdlets.Count)", '0'
    }
    It 'loads with a list of what .NET compiles, a bad one, or none' -Skip:($IsWindows -or $PSEdition -ne 'Core') {
        $cache = [System.IO.Path]::Combine($script:Folder, 'cache')
        $folder = [System.IO.Path]::Combine($cache, 'powershell')
        $null = New-Item -ItemType Directory -Path $folder
        $list = [System.IO.Path]::Combine($folder, 'StartupProfileData-CsVault')
        $line = 'Import-Module CsVault; $x = Get-CsAdminRole; $x.Count; $Error.Count; Import-Module CsVault -Force; @(Get-CsAdminRole).Count'
        $load = { (Invoke-Prompt $line @{ XDG_CACHE_HOME = $cache }).Output -split '\s+' | Where-Object { $_ } }
        & $load | Should -Be '11', '0', '11'
        # .NET decides whether it keeps one; with a single core it does not.
        if (Test-Path $list) {
            $bytes = [System.IO.File]::ReadAllBytes($list)
            & $load | Should -Be '11', '0', '11' -Because 'the list is there'
            [System.IO.File]::WriteAllBytes($list, [byte[]] $bytes[0..([int] ($bytes.Length / 2))])
            & $load | Should -Be '11', '0', '11' -Because 'the list is cut short'
        }
        [System.IO.File]::WriteAllText($list, 'no list')
        & $load | Should -Be '11', '0', '11' -Because 'the list is none'
        Remove-Item -Recurse $cache
        & $load | Should -Be '11', '0', '11' -Because 'there is no folder'
    }
    It 'explains every cmdlet and parameter' {
        Import-Module $script:ModuleFolder/CsVault/CsVault.psd1
        foreach ($command in Get-Command -Module CsVault) {
            $help = Get-Help $command.Name -Full
            $help.Synopsis | Should -Not -Match 'CsVault$'
            @($help.examples.example).Count | Should -BeGreaterThan 0
            foreach ($parameter in $help.parameters.parameter | Where-Object { $null -ne $_ -and $_.name -notin 'WhatIf', 'Confirm' }) {
                "$($parameter.description.Text)" | Should -Not -BeNullOrEmpty -Because "$($command.Name) -$($parameter.name) needs help"
            }
            foreach ($example in $help.examples.example) {
                "$($example.introduction.Text)".Trim() | Should -BeIn 'PS>', 'PS >' -Because 'a > in the line is no prompt'
                "$($example.code)" | Should -Match 'Cs[A-Z]'
            }
        }
        (Get-Help Import-CsConfiguration).inputTypes.inputType.type.name -join ' ' | Should -Match 'byte\[\]'
        (Get-Help Get-CsAdminRole).inputTypes.inputType.type.name -join ' ' | Should -Match 'property Identity'
    }
    It 'parses as Windows PowerShell 5.1 does, as far as its syntax tells' {
        $files = Get-ChildItem $script:ModuleFolder/CsVault -Recurse -File | Where-Object Extension -in '.ps1', '.psm1'
        $files.Count | Should -BeGreaterThan 10
        foreach ($file in $files) {
            $text = [System.IO.File]::ReadAllText($file.FullName)
            $tokens = $null
            $faults = $null
            $ast = [System.Management.Automation.Language.Parser]::ParseInput($text, [ref] $tokens, [ref] $faults)
            # A class of the module, which a file that is read on demand names, is not known to the parser.
            $faults | Where-Object ErrorId -ne 'TypeNotFound' | Should -BeNullOrEmpty -Because $file.Name
            $text | Should -Not -Match '[^\x00-\x7f]' -Because "$($file.Name): it reads a file without a byte order mark as ANSI"
            $newer = $tokens | Where-Object { $_.Kind -in 'QuestionQuestion', 'QuestionQuestionEquals', 'QuestionDot', 'QuestionLBracket', 'AndAnd', 'OrOr' -and $_.TokenFlags -notmatch 'CommandName' }
            $newer | Should -BeNullOrEmpty -Because $file.Name
            $ast.FindAll({ $args[0].GetType().Name -in 'TernaryExpressionAst', 'PipelineChainAst' }, $true) | Should -BeNullOrEmpty -Because $file.Name
        }
    }
    It 'says so, once, when its files have gone under an open prompt' {
        $copy = "$script:Folder/gone"
        Copy-Item $script:ModuleFolder/CsVault $copy/CsVault -Recurse -Force
        $lines = "Import-Module '$copy/CsVault/CsVault.psd1'; `$null = Get-CsAdminRole; Rename-Item '$copy/CsVault/OnDemand' Other; Get-CsAdminRole nope -ErrorAction SilentlyContinue; 'went on'; try { Get-CsAdminRole nope -ErrorAction Stop } catch { `$_.FullyQualifiedErrorId }; Export-CsConfiguration '$copy/x.zip'"
        $result = Invoke-Prompt $lines
        $result.Output | Should -Match 'went on'
        $result.Output | Should -Match 'ProtocolMismatch,Get-CsAdminRole'
        "$($result.Error)$($result.Output)" | Should -Match 'is gone or of another version'
        "$($result.Error)$($result.Output)".Length | Should -BeLessThan 3000
    }
    It 'does not call what the user has under the names of standard cmdlets' {
        $result = Invoke-Prompt "function ConvertTo-Json { 'mine' }; function Select-Object { 'mine' }; function Write-Warning { 'mine' }; Import-Module '$script:ModuleFolder/CsVault/CsVault.psd1'; try { Get-CsAdminRole 'a`"b' -ErrorAction Stop } catch { `$_.FullyQualifiedErrorId }; New-CsAdminRole -Identity x -Template nope -WhatIf"
        $result.Output | Should -Match 'RoleNotFound'
        $result.Output | Should -Not -Match 'mine'
    }
    It 'gives the same objects where PowerShell has only ConvertFrom-Json to read messages' {
        $query = 'Get-CsAdminRole | ConvertTo-Json -Depth 5; Get-CsTopology | ConvertTo-Json -Depth 5; Get-CsAdminRole nope -ErrorAction SilentlyContinue; $Error[0].FullyQualifiedErrorId'
        $load = "Import-Module '$script:ModuleFolder/CsVault/CsVault.psd1'"
        $usual = Invoke-Prompt "$load; $query"
        $other = Invoke-Prompt "$load; & (Get-Module CsVault) { `$script:CsVaultJson = `$null }; $query"
        $usual.Output | Should -Match 'RoleNotFound,Get-CsAdminRole'
        $other.Output | Should -BeExactly $usual.Output
    }
    It 'reads on demand only what a call needs' {
        Import-Module $script:ModuleFolder/CsVault/CsVault.psd1 -Force
        $read = { & (Get-Module CsVault) { (Get-Command $args[0]).ScriptBlock.File } @args }
        & $read New-CsVaultFile | Should -BeLike '*CsVault.psm1'
        $null = Get-CsAdminRole -Identity CsHelpDesk
        & $read New-CsVaultFile | Should -BeLike '*CsVault.psm1' -Because 'a query writes no file'
        Export-CsConfiguration -FileName $script:Folder/demand.zip -Force
        & $read New-CsVaultFile | Should -BeLike '*Files.ps1'
        & $read Resolve-CsVaultPath | Should -BeLike '*Files.ps1' -Because 'it stays in the module and not in the function that read the file'
    }
}

Describe 'Streams and errors' {
    BeforeAll { Import-Module $script:ModuleFolder/CsVault/CsVault.psd1 }

    It 'shows -Verbose and -Debug only when asked' {
        $quiet = Export-CsConfiguration -AsBytes 4>&1 5>&1
        @($quiet | Where-Object { $_ -is [System.Management.Automation.VerboseRecord] }).Count | Should -Be 0
        $loud = & { Export-CsConfiguration -FileName $script:Folder/v.zip -Force -Verbose } 4>&1
        "$loud" | Should -Match 'Exporting version'
    }
    It 'ends the cmdlet, not the script, when nobody catches' {
        $result = Invoke-Prompt 'Import-CsConfiguration -FileName none.zip; "went on"'
        $result.Output | Should -Match 'went on'
        ($result.Error + $result.Output) | Should -Match 'does not exist'
    }
    It 'is caught by try, and by -ErrorVariable' {
        $caught = try { Import-CsConfiguration -FileName none.zip } catch { $_.FullyQualifiedErrorId }
        $caught | Should -BeExactly 'FileNotFound,Import-CsConfiguration'
        try { Import-CsConfiguration -FileName none.zip -ErrorVariable kept -ErrorAction SilentlyContinue } catch { $null = $_ }
        $kept.Count | Should -BeGreaterThan 0
        { try { Import-CsConfiguration -FileName none.zip } catch [System.IO.FileNotFoundException] { throw 'caught by type' } } | Should -Throw 'caught by type'
    }
    It 'does not stop to ask with -Debug' {
        $result = Invoke-Prompt '$x = Export-CsConfiguration -AsBytes; Import-CsConfiguration -ByteInput $x -Debug; "done"'
        $result.Output | Should -Match 'done'
        ($result.Error + $result.Output) | Should -Not -Match 'NonInteractive'
    }
    It 'heeds the preferences of the script that calls' {
        # As a module that calls ours, or a script that is not dot-sourced, has them: in a scope of its own.
        $script = {
            function Test-Stop { $ErrorActionPreference = 'Stop'; try { Get-CsAdminRole none; 'went on' } catch { 'stopped' } }
            function Test-Quiet { $ErrorActionPreference = 'SilentlyContinue'; Get-CsAdminRole none; 'quiet' }
            function Test-Plan { $WhatIfPreference = $true; Import-CsConfiguration -FileName LITWARE }
            function Test-Verbose { $VerbosePreference = 'Continue'; Export-CsConfiguration -AsBytes | Out-Null }
            function Test-Own { $ErrorActionPreference = 'Stop'; Get-CsAdminRole none -ErrorAction SilentlyContinue; 'own' }
            Test-Stop; Test-Quiet; Test-Own; Test-Plan; Test-Verbose 4>&1
            @(Get-CsAdminRole).Count
        }
        $result = Invoke-Prompt ('& { ' + "$script".Replace('LITWARE', "'$script:Litware/config.zip'") + ' }')
        $result.Output | Should -Match '(?s)^stopped\s+quiet\s+own\s+What if: .*Exporting version \d+.*\s11\s*$'
        $result.Error | Should -BeNullOrEmpty
    }
    It 'points at the line of the user' {
        $record = Get-ErrorOf { Import-CsConfiguration -FileName none.zip }
        $record.InvocationInfo.MyCommand.Name | Should -Be 'Import-CsConfiguration'
        $record.InvocationInfo.Line | Should -Match 'none.zip'
    }
    It 'gives an exit code to scripts' {
        (Invoke-Prompt 'Get-CsAdminRole none').ExitCode | Should -Be 1
        (Invoke-Prompt '$null = Get-CsAdminRole').ExitCode | Should -Be 0
    }
    It 'stops the work with Select-Object -First' {
        (Get-CsAdminRole | Select-Object -First 1).Identity | Should -Be 'CSAdministrator'
        @(Get-CsAdminRole).Count | Should -Be 11
    }
    It 'can be nested in its own pipeline' {
        @(Get-CsAdminRole | ForEach-Object { (Get-CsAdminRole $_.Identity).Identity }).Count | Should -Be 11
    }
}
