BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    Import-Module $script:ModuleFolder/CsVault/CsVault.psd1
    $script:Folder = New-TestHome
}
AfterAll { Remove-TestHome $script:Folder }

Describe '{cmdlet}' {
    # TODO: one It for each thing that users rely on; this one fails until it is replaced.
    It 'is written and tested' {
        {cmdlet}
        throw 'Say in {test} what {cmdlet} does.'
    }
}
