BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    Import-Module $script:ModuleFolder/CsVault/CsVault.psd1
    $script:Folder = New-TestHome
    Set-TestGroups 'Operators', 'Others'
    $null = New-CsAdminRole Operators -Template CsHelpDesk -Cmdlets 'Get-CsUser', 'Get-CsPool'
    $null = New-CsAdminRole Others -Template CsHelpDesk -Cmdlets 'Get-CsUser'
    function Get-Cmdlets { (Get-CsAdminRole Operators).Cmdlets.Name -join ',' }
}
AfterAll { Remove-TestHome $script:Folder }

Describe 'Set-CsAdminRole' {
    It 'edits the list of cmdlets: <Edit>' -ForEach @(
        @{ Edit = 'plain value'; Value = 'Get-CsSite'; Then = 'Get-CsSite' }
        @{ Edit = 'several'; Value = @('Get-CsUser', 'Get-CsPool'); Then = 'Get-CsUser,Get-CsPool' }
        @{ Edit = 'Add'; Value = @{ Add = 'Get-CsSite' }; Then = 'Get-CsUser,Get-CsPool,Get-CsSite' }
        @{ Edit = 'Add of what is there'; Value = @{ add = 'get-cssite' }; Then = 'Get-CsUser,Get-CsPool,Get-CsSite,Get-CsSite' }
        @{ Edit = 'Remove'; Value = @{ Remove = 'Get-CsSite' }; Then = 'Get-CsUser,Get-CsPool,Get-CsSite' }
        @{ Edit = 'Remove of what is not there'; Value = @{ Remove = 'Get-CsTopology' }; Then = 'Get-CsUser,Get-CsPool,Get-CsSite' }
        @{ Edit = 'Remove before Add'; Value = @{ Add = 'Get-CsUser'; Remove = 'Get-CsUser', 'Get-CsSite' }; Then = 'Get-CsPool,Get-CsUser' }
        @{ Edit = 'Replace, which wins'; Value = @{ Add = 'Get-CsUser'; Replace = 'Get-CsSite', 'Get-CsPool' }; Then = 'Get-CsSite,Get-CsPool' }
        @{ Edit = 'elements of another role'; Value = { @{ Add = (Get-CsAdminRole Others).Cmdlets } }; Then = 'Get-CsSite,Get-CsPool,Get-CsUser' }
    ) {
        if ($Value -is [scriptblock]) { $Value = & $Value }
        Set-CsAdminRole -Identity Operators -Cmdlets $Value | Should -BeNullOrEmpty
        Get-Cmdlets | Should -BeExactly $Then
    }
    It 'empties lists with $null' {
        Set-CsAdminRole Operators -ScriptModules 'a.ps1'
        Set-CsAdminRole Operators -ScriptModules $null -Cmdlets $null
        $role = Get-CsAdminRole Operators
        @($role.ScriptModules).Count + @($role.Cmdlets).Count | Should -Be 0
    }
    It 'does not take the last scope' {
        $failure = Get-ErrorOf { Set-CsAdminRole Operators -ConfigScopes @{ Remove = 'Global' } }
        $failure.FullyQualifiedErrorId | Should -BeExactly 'ScopeInvalid,Set-CsAdminRole'
        $failure.ErrorDetails.RecommendedAction | Should -Match 'Replace'
        Set-CsAdminRole Operators -ConfigScopes @{ Replace = 'site:1' } -WarningAction SilentlyContinue
        Set-CsAdminRole Operators -ConfigScopes @{ Replace = 'Global' }
        "$((Get-CsAdminRole Operators).ConfigScopes)" | Should -BeExactly 'Global'
    }
    It 'takes names and roles from the pipeline' {
        'Operators', 'Others' | Set-CsAdminRole -UserScopes 'OU:dc=litwareinc,dc=com'
        "$((Get-CsAdminRole Others).UserScopes)" | Should -BeExactly 'OU:dc=litwareinc,dc=com'
        Get-CsAdminRole | Where-Object { $_.IsStandardRole -eq $False } | Set-CsAdminRole -UserScopes 'global'
        "$((Get-CsAdminRole Operators).UserScopes) $((Get-CsAdminRole Others).UserScopes)" | Should -BeExactly 'Global Global'
    }
    It 'makes a role what an object says' {
        $was = Get-CsAdminRole Others
        Set-CsAdminRole Others -Cmdlets 'Get-CsPool'
        $was | Set-CsAdminRole
        (Get-CsAdminRole Others).Cmdlets.Name | Should -BeExactly 'Get-CsUser'
    }
    It 'protects predefined roles, their scripts excepted' {
        foreach ($line in { Set-CsAdminRole CsHelpDesk -Cmdlets 'Get-CsUser' -ErrorAction Stop }, { Set-CsAdminRole CsHelpDesk -ConfigScopes 'site:1' -WarningAction SilentlyContinue -ErrorAction Stop }) {
            (Get-ErrorOf $line).FullyQualifiedErrorId | Should -BeExactly 'StandardRoleReadOnly,Set-CsAdminRole'
        }
        Set-CsAdminRole CsHelpDesk -ScriptModules @{ Add = 'UpdateDatabase.ps1' }
        (Get-CsAdminRole CsHelpDesk).ScriptModules | Should -BeExactly 'UpdateDatabase.ps1'
    }
    It 'goes on after a role that is not there' {
        'Nobody', 'Operators' | Set-CsAdminRole -Cmdlets 'Get-CsPool' -ErrorAction SilentlyContinue -ErrorVariable missed
        $missed.Count | Should -Be 1
        $missed[0].FullyQualifiedErrorId | Should -BeExactly 'RoleNotFound,Set-CsAdminRole'
        $missed[0].TargetObject | Should -BeExactly 'Nobody'
        Get-Cmdlets | Should -BeExactly 'Get-CsPool'
    }
    It 'shows no line of a plan that failed' {
        foreach ($line in 'Set-CsAdminRole NoSuchRole', 'New-CsAdminRole Operators -Template CsHelpDesk', 'Remove-CsAdminRole -Sid S-1-5-32-1', 'Import-CsConfiguration ([byte[]](1,2,3))') {
            $found = Invoke-Prompt "Import-Module CsVault; $line -WhatIf"
            $found.Error | Should -Match 'Cs'
            $found.Output | Should -Not -Match 'What if'
        }
    }
    It 'shows what would change, and makes no version for nothing' {
        $found = Invoke-Prompt 'Import-Module CsVault; Set-CsAdminRole Operators -Cmdlets @{Add="Export-CsConfiguration"} -WhatIf; Set-CsAdminRole Operators -Cmdlets Get-CsPool -WhatIf'
        $found.Output | Should -Match '"change" on target "Operators: Cmdlets \+Export-CsConfiguration"'
        $found.Output | Should -Match 'nothing was changed'
        $before = (& $env:CSVAULT_EXE status --json | ConvertFrom-Json).storeVersion
        Set-CsAdminRole Operators -Cmdlets 'Get-CsPool'
        (& $env:CSVAULT_EXE status --json | ConvertFrom-Json).storeVersion | Should -Be $before
    }
}
