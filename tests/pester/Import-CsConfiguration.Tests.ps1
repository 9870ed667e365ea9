BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    Import-Module $script:ModuleFolder/CsVault/CsVault.psd1
    $script:Folder = New-TestHome
    $script:Config = [System.IO.File]::ReadAllBytes("$script:Litware/config.zip")
    function Get-Version { (& $env:CSVAULT_EXE status --json | ConvertFrom-Json).storeVersion }
}
AfterAll { Remove-TestHome $script:Folder }

Describe 'Import-CsConfiguration' {
    It 'imports a package, and nothing the second time' {
        Import-CsConfiguration -FileName $script:Litware/config.zip | Should -BeNullOrEmpty
        Get-Version | Should -Be 2
        $text = Import-CsConfiguration $script:Litware/config.zip -Verbose 4>&1 | Out-String
        $text | Should -Match 'holds this configuration already'
        Get-Version | Should -Be 2
    }
    It 'takes bytes, also from the pipeline, whole or one by one' {
        Import-CsConfiguration -ByteInput $script:Config -LocalStore
        , $script:Config | Import-CsConfiguration -LocalStore
        $script:Config | Import-CsConfiguration -LocalStore
        (Get-CsTopology -LocalStore).Sites.Name | Should -Be 'Redmond', 'Dublin'
    }
    It 'says so when no bytes come: <Name>' -ForEach @(
        @{ Name = 'nothing'; Value = @() }
        @{ Name = 'a text'; Value = 'text' }
        @{ Name = 'a file'; Value = (Get-Item $PSCommandPath) }
    ) {
        $record = Get-ErrorOf { $Value | Import-CsConfiguration -ErrorAction SilentlyContinue }
        $record.FullyQualifiedErrorId | Should -BeExactly 'ParameterInvalid,Import-CsConfiguration'
        $record.ErrorDetails.RecommendedAction | Should -Match '-FileName'
    }
    It 'shows the plan with -WhatIf and changes nothing' {
        $fresh = New-TestHome
        try {
            $plan = (Invoke-Prompt "Import-CsConfiguration -FileName '$script:Litware/config.zip' -WhatIf").Output
            $plan | Should -Match 'What if: Performing the operation "change" on target "\{urn:schema:Microsoft.Rtc.Management.Deploy.Topology.2008\}Topology'
            $plan | Should -Match '"add" on target "\{urn:schema:Microsoft.Rtc.Management.Policy.Voice.2008\}VoicePolicy'
            @(Get-CsAdminRole).Count | Should -Be 11
            Import-CsConfiguration -FileName $script:Litware/config.zip
            $plan = (Invoke-Prompt "Import-CsConfiguration -FileName '$script:Litware/config.zip' -WhatIf").Output
            $plan | Should -Match 'What if: .*holds this configuration already'
        } finally {
            Remove-TestHome $fresh
            $env:CSVAULT_HOME = "$script:Folder/home"
        }
    }
    It 'asks with -Confirm' {
        $ConfirmPreference = 'None'
        Import-CsConfiguration -FileName $script:Litware/config.zip -Confirm:$false
        (Get-Command Import-CsConfiguration).Parameters.Keys | Should -Contain 'Confirm'
    }
    It 'names what is wrong with a file: <Name>' -ForEach @(
        @{ Name = 'missing'; Make = { "$script:Folder/none.zip" }; Id = 'FileNotFound' }
        @{ Name = 'a folder'; Make = { $script:Folder }; Id = 'FileNotRegular' }
        @{ Name = 'empty'; Make = { Set-Content "$script:Folder/bad.zip" '' -NoNewline; "$script:Folder/bad.zip" }; Id = 'PackageDamaged' }
        @{ Name = 'a text'; Make = { Set-Content "$script:Folder/bad.zip" 'hello'; "$script:Folder/bad.zip" }; Id = 'PackageDamaged' }
        @{ Name = 'an XML document'; Make = { "$script:Litware/topology.xml" }; Id = 'PackageDamaged' }
        @{ Name = 'cut off'; Make = { [System.IO.File]::WriteAllBytes("$script:Folder/bad.zip", $script:Config[0..5000]); "$script:Folder/bad.zip" }; Id = 'PackageDamaged' }
        @{ Name = 'one byte flipped'; Make = { $b = $script:Config.Clone(); $b[3000] = $b[3000] -bxor 1; [System.IO.File]::WriteAllBytes("$script:Folder/bad.zip", $b); "$script:Folder/bad.zip" }; Id = 'PackageDamaged' }
    ) {
        $before = Get-Version
        $path = & $Make
        $record = Get-ErrorOf { Import-CsConfiguration -FileName $path }
        $record.FullyQualifiedErrorId | Should -BeExactly "$Id,Import-CsConfiguration"
        $record.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        Get-Version | Should -Be $before
    }
    It 'refuses a device' -Skip:($PSVersionTable.Platform -ne 'Unix') {
        (Get-ErrorOf { Import-CsConfiguration -FileName /dev/zero }).FullyQualifiedErrorId | Should -BeExactly 'FileNotRegular,Import-CsConfiguration'
    }
    It 'says where the XML is wrong' {
        Add-Type -AssemblyName System.IO.Compression
        $path = "$script:Folder/xml.zip"
        $stream = [System.IO.File]::Create($path)
        $zip = [System.IO.Compression.ZipArchive]::new($stream, [System.IO.Compression.ZipArchiveMode]::Create)
        $writer = [System.IO.StreamWriter]::new($zip.CreateEntry('DocItemSet.xml').Open())
        $writer.Write("<DocItemSet>`n  <DocItem Name='a'></Oops></DocItemSet>")
        $writer.Dispose(); $zip.Dispose(); $stream.Dispose()
        $record = Get-ErrorOf { Import-CsConfiguration -FileName $path }
        $record.FullyQualifiedErrorId | Should -BeExactly 'XmlInvalid,Import-CsConfiguration'
        $record.Exception.Message | Should -Match 'line 2, column 21'
    }
    It 'reads a package that .NET wrote, as re-zipping does' {
        Add-Type -AssemblyName System.IO.Compression
        $memory = [System.IO.MemoryStream]::new()
        $memory.Write($script:Config, 0, $script:Config.Length)
        $source = [System.IO.Compression.ZipArchive]::new($memory, [System.IO.Compression.ZipArchiveMode]::Read)
        $path = "$script:Folder/rezipped.zip"
        $stream = [System.IO.File]::Create($path)
        $target = [System.IO.Compression.ZipArchive]::new($stream, [System.IO.Compression.ZipArchiveMode]::Create)
        foreach ($entry in $source.Entries) {
            $in = $entry.Open()
            $out = $target.CreateEntry("Export/$($entry.FullName)").Open()
            $in.CopyTo($out)
            $out.Dispose(); $in.Dispose()
        }
        $target.Dispose(); $stream.Dispose()
        Import-CsConfiguration -FileName $script:Litware/config.zip
        $before = Get-Version
        Import-CsConfiguration -FileName $path
        Get-Version | Should -Be $before -Because 'the content is the same'
    }
    It 'changes nothing when it cannot ask' {
        $before = (& $env:CSVAULT_EXE status --json | ConvertFrom-Json).storeVersion
        $found = Invoke-Prompt "Import-Module CsVault; Set-CsAdminRole CsHelpDesk -ScriptModules 'Asked.ps1' -Confirm; `$x = [IO.File]::ReadAllBytes('$script:Litware/config.zip'); Import-CsConfiguration -ByteInput `$x -LocalStore -Confirm; Import-CsConfiguration -ByteInput `$x -Confirm"
        $found.ExitCode | Should -Be 1
        $found.Error | Should -Match 'NonInteractive'
        (& $env:CSVAULT_EXE status --json | ConvertFrom-Json).storeVersion | Should -Be $before
    }
}
