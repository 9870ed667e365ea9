BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    Import-Module $script:ModuleFolder/CsVault/CsVault.psd1
    $script:Folder = New-TestHome
    Set-TestGroups 'RedmondVoice', 'BackupOperators'
    Import-CsConfiguration -FileName $script:Litware/config.zip -WarningAction SilentlyContinue
    $null = New-CsAdminRole RedmondVoice -Template CsVoiceAdministrator -ConfigScopes 'site:1' -UserScopes 'OU:ou=Redmond,dc=litwareinc,dc=com'
    $null = New-CsAdminRole BackupOperators -Template CsHelpDesk -Cmdlets 'Export-CsConfiguration'
}
AfterAll { Remove-TestHome $script:Folder }

Describe 'Test-CsAdminAccess' {
    It 'answers about the account that asks' {
        $answer = Test-CsAdminAccess -Cmdlet Export-CsConfiguration
        $answer.IsAllowed | Should -BeTrue
        $answer.Door | Should -BeExactly 'Owner'
        $answer.PSObject.TypeNames[0] | Should -BeExactly 'CsVault.AdminAccess'
    }
    It 'answers about <Cmdlet> for <Scope>' -ForEach @(
        @{ Cmdlet = 'Export-CsConfiguration'; Scope = $null; Allowed = $true; Through = 'BackupOperators' }
        @{ Cmdlet = 'Import-CsConfiguration'; Scope = $null; Allowed = $false; Through = $null }
        @{ Cmdlet = 'Set-CsVoicePolicy'; Scope = $null; Allowed = $true; Through = 'RedmondVoice' }
        @{ Cmdlet = 'set-csvoicepolicy'; Scope = 'site:1'; Allowed = $true; Through = 'RedmondVoice' }
        @{ Cmdlet = 'Set-CsVoicePolicy'; Scope = 'site:Redmond'; Allowed = $true; Through = 'RedmondVoice' }
        @{ Cmdlet = 'Set-CsVoicePolicy'; Scope = 'site:2'; Allowed = $false; Through = $null }
        @{ Cmdlet = 'Set-CsVoicePolicy'; Scope = 'global'; Allowed = $false; Through = $null }
        @{ Cmdlet = 'Set-CsVoicePolicy'; Scope = 'OU:cn=Ken,ou=Redmond,dc=litwareinc,dc=com'; Allowed = $true; Through = 'RedmondVoice' }
        @{ Cmdlet = 'Set-CsVoicePolicy'; Scope = 'OU:ou=Red,dc=litwareinc,dc=com'; Allowed = $false; Through = $null }
    ) {
        $with = @{}
        if ($Scope) { $with.Scope = $Scope }
        $answer = Test-CsAdminAccess -Cmdlet $Cmdlet -User kenmyer @with
        $answer.IsAllowed | Should -Be $Allowed
        $answer.User | Should -BeExactly 'kenmyer'
        "$($answer.Through)" | Should -Be "$Through"
        $answer.Reason | Should -Match $(if ($Allowed) { '^Allowed as role' } else { '^May not run' })
    }
    It 'says what is missing' {
        $answer = Test-CsAdminAccess Set-CsVoicePolicy -User kenmyer -Scope 'site:2'
        $answer.Reason | Should -Match 'site:2 is outside the scopes of RedmondVoice \(site:1\)'
        $answer.Reason | Should -Match 'RTCUniversalServerAdmins'
    }
    It 'takes cmdlets from the pipeline' {
        @('Export-CsConfiguration', 'Import-CsConfiguration' | Test-CsAdminAccess -User kenmyer | Where-Object { -not $_.IsAllowed }).Cmdlet | Should -BeExactly 'Import-CsConfiguration'
    }
    It 'takes the cmdlets of a role, of the session and of the audit log from the pipeline' {
        $role = Get-CsAdminRole BackupOperators
        ($role.Cmdlets | Test-CsAdminAccess -User kenmyer).Through | Should -BeExactly 'BackupOperators'
        (Get-Command Export-CsConfiguration | Test-CsAdminAccess -User kenmyer).IsAllowed | Should -BeTrue
        (Get-CsAuditRecord -Newest 1 | Test-CsAdminAccess).Cmdlet | Should -BeExactly 'Get-CsAuditRecord'
    }
    It 'names the sites that there are' {
        $problem = Get-ErrorOf { Test-CsAdminAccess Get-CsUser -Scope 'site:Nowhere' }
        $problem.ErrorDetails.RecommendedAction | Should -BeExactly 'The sites are site:1 (Redmond), site:2 (Dublin).'
    }
    It 'reports what it does not know' {
        (Get-ErrorOf { Test-CsAdminAccess Export-CsConfigurations }).FullyQualifiedErrorId | Should -BeExactly 'CmdletUnknown,Test-CsAdminAccess'
        (Get-ErrorOf { Test-CsAdminAccess Get-CsUser -User nobodyofthatname -ErrorAction Stop }).FullyQualifiedErrorId | Should -BeExactly 'AccountNotFound,Test-CsAdminAccess'
        (Get-ErrorOf { Test-CsAdminAccess Get-CsUser -Scope 'site:Nowhere' }).FullyQualifiedErrorId | Should -BeExactly 'ScopeInvalid,Test-CsAdminAccess'
        (Get-ErrorOf { Test-CsAdminAccess Get-CsUser -Scope 'Redmond' }).FullyQualifiedErrorId | Should -BeExactly 'ScopeInvalid,Test-CsAdminAccess'
    }
}
