BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    Import-Module $script:ModuleFolder/CsVault/CsVault.psd1
    $script:Folder = New-TestHome
    Set-TestGroups 'Operators'
}
AfterAll { Remove-TestHome $script:Folder }

Describe 'Update-CsAdminRole' {
    It 'finds nothing to do in a fresh store' {
        $null = Get-CsAdminRole CsHelpDesk
        $before = (& $env:CSVAULT_EXE status --json | ConvertFrom-Json).storeVersion
        Update-CsAdminRole | Should -BeNullOrEmpty
        (& $env:CSVAULT_EXE status --json | ConvertFrom-Json).storeVersion | Should -Be $before
    }
    It 'brings an older role up to date and leaves custom roles and scripts alone' {
        # An older release: its help desk could do less.
        $null = New-CsAdminRole Operators -Template CsHelpDesk -Cmdlets 'Get-CsUser' -UserScopes 'OU:dc=litwareinc,dc=com'
        Set-CsAdminRole CsHelpDesk -ScriptModules 'Reset.ps1'
        $older = [System.IO.Path]::Combine($script:Folder, 'older.zip')
        Export-CsConfiguration -FileName $older
        Add-Type -AssemblyName System.IO.Compression, System.IO.Compression.FileSystem
        $zip = [System.IO.Compression.ZipFile]::Open($older, 'Update')
        $reader = [System.IO.StreamReader]::new($zip.GetEntry('DocItemSet.xml').Open())
        $text = $reader.ReadToEnd()
        $reader.Dispose()
        $zip.GetEntry('DocItemSet.xml').Delete()
        $role = [regex]::Match($text, '<Role Identity="CSHelpDesk".*?</Role>').Value
        $text = $text.Replace($role, $role.Replace('<Cmdlet Name="Get-CsUser" />', ''))
        $writer = [System.IO.StreamWriter]::new($zip.CreateEntry('DocItemSet.xml').Open())
        $writer.Write($text)
        $writer.Dispose()
        $zip.Dispose()
        Import-CsConfiguration -FileName $older
        (Get-CsAdminRole CsHelpDesk).Cmdlets.Name | Should -Not -Contain 'Get-CsUser'

        $found = Invoke-Prompt 'Import-Module CsVault; Update-CsAdminRole -WhatIf'
        $found.Output | Should -Match '"change" on target "CSHelpDesk: Cmdlets \+Get-CsUser"'
        Update-CsAdminRole
        $role = Get-CsAdminRole CsHelpDesk
        $role.Cmdlets.Name | Should -Contain 'Get-CsUser'
        $role.ScriptModules | Should -BeExactly 'Reset.ps1'
        $custom = Get-CsAdminRole Operators
        "$($custom.Cmdlets) $($custom.UserScopes)" | Should -BeExactly 'Name=Get-CsUser OU:dc=litwareinc,dc=com'
    }
}
