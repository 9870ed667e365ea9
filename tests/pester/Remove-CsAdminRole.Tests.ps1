BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    Import-Module $script:ModuleFolder/CsVault/CsVault.psd1
    $script:Folder = New-TestHome
    Set-TestGroups 'RedmondOne', 'RedmondTwo', 'DublinOne'
    function New-Roles { foreach ($name in 'RedmondOne', 'RedmondTwo', 'DublinOne') { if (-not (Get-CsAdminRole $name -ErrorAction SilentlyContinue)) { $null = New-CsAdminRole $name -Template CsHelpDesk } } }
    function Get-Custom { (Get-CsAdminRole | Where-Object { $_.IsStandardRole -eq $False }).Identity -join ',' }
}
AfterAll { Remove-TestHome $script:Folder }

Describe 'Remove-CsAdminRole' {
    BeforeEach { New-Roles }
    It 'removes by name, pattern and SID' {
        Remove-CsAdminRole RedmondOne -Confirm:$False | Should -BeNullOrEmpty
        Get-Custom | Should -BeExactly 'RedmondTwo,DublinOne'
        Remove-CsAdminRole -Sid (Get-CsAdminRole DublinOne).SID -Confirm:$False
        Get-Custom | Should -BeExactly 'RedmondTwo'
        New-Roles
        Remove-CsAdminRole -Filter 'redmond*' -Confirm:$False
        Get-Custom | Should -BeExactly 'DublinOne'
    }
    It 'removes every custom role as the original documentation does' {
        Get-CsAdminRole | Where-Object { $_.IsStandardRole -eq $False } | Remove-CsAdminRole -Confirm:$False
        Get-Custom | Should -BeNullOrEmpty
        @(Get-CsAdminRole).Count | Should -Be 11
    }
    It 'passes over predefined roles with a pattern, and refuses one by name' {
        Remove-CsAdminRole -Filter '*' -Confirm:$False
        @(Get-CsAdminRole).Count | Should -Be 11
        $failure = Get-ErrorOf { Remove-CsAdminRole CsHelpDesk -Confirm:$False -ErrorAction Stop }
        $failure.FullyQualifiedErrorId | Should -BeExactly 'StandardRoleReadOnly,Remove-CsAdminRole'
        $failure.CategoryInfo.Category | Should -Be 'InvalidOperation'
    }
    It 'asks by default, and removes nothing when nobody answers' {
        $found = Invoke-Prompt 'Import-Module CsVault; Remove-CsAdminRole RedmondOne'
        $found.ExitCode | Should -Be 1
        Get-Custom | Should -Match 'RedmondOne'
        $found = Invoke-Prompt 'Import-Module CsVault; Remove-CsAdminRole -Filter Redmond* -WhatIf'
        $found.Output | Should -Match '"remove" on target "RedmondOne"'
        $found.Output | Should -Match '"remove" on target "RedmondTwo"'
        Get-Custom | Should -Match 'RedmondOne'
    }
    It 'goes on after a role that is not there' {
        'Nobody', 'RedmondOne' | Remove-CsAdminRole -Confirm:$False -ErrorAction SilentlyContinue -ErrorVariable missed
        $missed.FullyQualifiedErrorId | Should -BeExactly 'RoleNotFound,Remove-CsAdminRole'
        Get-Custom | Should -Not -Match 'RedmondOne'
    }
}
