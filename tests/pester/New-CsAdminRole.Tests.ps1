BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    Import-Module $script:ModuleFolder/CsVault/CsVault.psd1
    $script:Folder = New-TestHome
    Set-TestGroups 'RedmondVoiceAdministrator', 'BackupOperators', 'Third', 'Fourth', 'Fifth'
    Import-CsConfiguration -FileName $script:Litware/config.zip -WarningAction SilentlyContinue
}
AfterAll { Remove-TestHome $script:Folder }

Describe 'New-CsAdminRole' {
    It 'copies its template' {
        $role = New-CsAdminRole -Identity 'RedmondVoiceAdministrator' -Template 'CsVoiceAdministrator'
        $template = Get-CsAdminRole CsVoiceAdministrator
        $role.Identity | Should -BeExactly 'RedmondVoiceAdministrator'
        $role.IsStandardRole | Should -BeFalse
        $role.TemplateName | Should -BeExactly 'CSVoiceAdministrator'
        $role.Cmdlets.Name | Should -BeExactly $template.Cmdlets.Name
        "$($role.ConfigScopes) $($role.UserScopes)" | Should -BeExactly 'Global Global'
        $role.PSObject.TypeNames[0] | Should -BeExactly 'Microsoft.Rtc.Management.WritableConfig.Settings.Roles.Role'
        (Get-CsAdminRole RedmondVoiceAdministrator).SID | Should -BeExactly $role.SID
    }
    It 'takes cmdlets and scopes' {
        $role = New-CsAdminRole BackupOperators -Template CsHelpDesk -Cmdlets 'export-csconfiguration', 'Get-CsTopology' -ConfigScopes 'site:1', 'SITE:Dublin' -UserScopes 'OU: ou=Redmond, dc=litwareinc, dc=com' -ScriptModules 'UpdateDatabase.ps1:Reset'
        "$($role.Cmdlets)" | Should -BeExactly 'Name=Export-CsConfiguration Name=Get-CsTopology'
        $role.ConfigScopes -match 'site:1' | Should -Not -BeNullOrEmpty
        "$($role.UserScopes)" | Should -BeExactly 'OU:ou=Redmond, dc=litwareinc, dc=com'
        $role.ScriptModules | Should -BeExactly 'UpdateDatabase.ps1:Reset'
        (Get-CsAdminRole | Where-Object { $_.Cmdlets -match 'Export-CsConfiguration' }).Identity | Should -Contain 'BackupOperators'
    }
    It 'takes a custom role as its template, and edits of its lists' {
        $role = New-CsAdminRole Third -Template BackupOperators -Cmdlets @{ Add = 'Get-CsUser'; Remove = 'Get-CsTopology' } -ConfigScopes @{ Replace = 'global' }
        "$($role.Cmdlets)" | Should -BeExactly 'Name=Export-CsConfiguration Name=Get-CsUser'
        "$($role.ConfigScopes)" | Should -BeExactly 'Global'
        $role.TemplateName | Should -BeExactly 'BackupOperators'
    }
    It 'keeps nothing with -WhatIf, and returns nothing' {
        $found = Invoke-Prompt 'Import-Module CsVault; $x = New-CsAdminRole Fourth -Template CsHelpDesk -Cmdlets Get-CsUser -WhatIf; "returned: [$x]"'
        $found.Output | Should -Match 'What if: .*"add".*Fourth: from the template CSHelpDesk; 1 cmdlet; ConfigScopes Global; UserScopes Global'
        $found.Output | Should -Match 'returned: \[\]'
        Get-CsAdminRole Fourth -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
    }
    It 'keeps a role in memory until it is set' {
        $role = New-CsAdminRole Fourth -Template CsHelpDesk -Cmdlets 'Get-CsUser' -InMemory
        Get-CsAdminRole Fourth -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $role | Set-CsAdminRole
        (Get-CsAdminRole Fourth).Cmdlets.Name | Should -BeExactly 'Get-CsUser'
        (Get-CsAdminRole Fourth).TemplateName | Should -BeExactly 'CSHelpDesk'
    }
    It 'refuses <Name>' -ForEach @(
        @{ Name = 'a group that is not there'; Line = { New-CsAdminRole NoSuchGroup -Template CsHelpDesk -ErrorAction Stop }; Id = 'GroupNotFound'; Text = 'NoSuchGroup' }
        @{ Name = 'a role that is there'; Line = { New-CsAdminRole BackupOperators -Template CsHelpDesk -ErrorAction Stop }; Id = 'RoleExists'; Text = 'BackupOperators' }
        @{ Name = 'a predefined name'; Line = { New-CsAdminRole cshelpdesk -Template CsHelpDesk -ErrorAction Stop }; Id = 'RoleExists'; Text = 'CSHelpDesk' }
        @{ Name = 'an unknown template'; Line = { New-CsAdminRole Fifth -Template CsHelpDek -ErrorAction Stop }; Id = 'RoleNotFound'; Text = 'CsHelpDek' }
        @{ Name = 'an unknown cmdlet'; Line = { New-CsAdminRole Fifth -Template CsHelpDesk -Cmdlets 'Export-CsConfigurations' }; Id = 'CmdletUnknown'; Text = 'Export-CsConfigurations' }
        @{ Name = 'a wildcard'; Line = { New-CsAdminRole Fifth -Template CsHelpDesk -Cmdlets 'Get-Cs*' }; Id = 'ParameterInvalid'; Text = 'Get-Cs' }
        @{ Name = 'an unknown site'; Line = { New-CsAdminRole Fifth -Template CsHelpDesk -ConfigScopes 'site:Nowhere' }; Id = 'ScopeInvalid'; Text = 'Nowhere' }
        @{ Name = 'a site without its prefix'; Line = { New-CsAdminRole Fifth -Template CsHelpDesk -ConfigScopes 'Redmond' }; Id = 'ScopeInvalid'; Text = 'Redmond' }
        @{ Name = 'a broken distinguished name'; Line = { New-CsAdminRole Fifth -Template CsHelpDesk -UserScopes 'OU:Redmond' }; Id = 'ScopeInvalid'; Text = 'Redmond' }
        @{ Name = 'no scope'; Line = { New-CsAdminRole Fifth -Template CsHelpDesk -ConfigScopes @() }; Id = 'ScopeInvalid'; Text = 'ConfigScopes' }
        @{ Name = 'another key'; Line = { New-CsAdminRole Fifth -Template CsHelpDesk -Cmdlets @{ Append = 'Get-CsUser' } }; Id = 'ParameterInvalid'; Text = 'Append' }
        @{ Name = 'a path for a script'; Line = { New-CsAdminRole Fifth -Template CsHelpDesk -ScriptModules '../x.ps1' }; Id = 'ParameterInvalid'; Text = 'x.ps1' }
        @{ Name = 'a look-alike name'; Line = { New-CsAdminRole "Fif`u{0442}h" -Template CsHelpDesk }; Id = 'ParameterInvalid'; Text = 'role name' }
    ) {
        $failure = Get-ErrorOf $Line
        $failure.FullyQualifiedErrorId | Should -BeExactly "$Id,New-CsAdminRole"
        $failure.Exception.Message | Should -Match $Text
        $failure.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        Get-CsAdminRole Fifth -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
    }
    It 'takes what it does not know with -Force, and says so' {
        $role = New-CsAdminRole Fifth -Template CsHelpDesk -Cmdlets 'Get-CsNothingYet' -ConfigScopes 'site:Nowhere' -Force -WarningVariable warned -WarningAction SilentlyContinue
        "$($role.Cmdlets) $($role.ConfigScopes)" | Should -BeExactly 'Name=Get-CsNothingYet site:Nowhere'
        $warned.Count | Should -Be 2
    }
    It 'travels in an export' {
        $bytes = Export-CsConfiguration -AsBytes
        Remove-CsAdminRole BackupOperators -Confirm:$false
        Get-CsAdminRole BackupOperators -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        Import-CsConfiguration -ByteInput $bytes
        "$((Get-CsAdminRole BackupOperators).ConfigScopes)" | Should -BeExactly 'site:1 site:Dublin'
    }
}
