BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    Import-Module $script:ModuleFolder/CsVault/CsVault.psd1
    $script:Folder = New-TestHome
    Import-CsConfiguration -FileName $script:Litware/config.zip
}
AfterAll { Remove-TestHome $script:Folder }

Describe 'Export-CsConfiguration' {
    BeforeEach {
        $script:Work = Join-Path $script:Folder ([guid]::NewGuid().ToString('N').Substring(0, 6))
        $null = New-Item -ItemType Directory $script:Work
        Push-Location $script:Work
    }
    AfterEach { Pop-Location }

    It 'writes a package' {
        Export-CsConfiguration -FileName Config.zip | Should -BeNullOrEmpty
        $bytes = [System.IO.File]::ReadAllBytes("$script:Work/Config.zip")
        [System.Text.Encoding]::ASCII.GetString($bytes, 0, 2) | Should -BeExactly 'PK'
        Get-Names $script:Work | Should -Be 'Config.zip'
    }
    It 'takes the path by position, relative to the prompt' {
        $null = New-Item -ItemType Directory sub
        Set-Location sub
        Export-CsConfiguration ..\Config.zip
        "$script:Work/Config.zip" | Should -Exist
    }
    It 'returns one byte array with -AsBytes, the same bytes as the file' {
        $x = Export-CsConfiguration -AsBytes
        $x.GetType().FullName | Should -BeExactly 'System.Byte[]'
        Export-CsConfiguration -FileName Config.zip
        [Convert]::ToBase64String([System.IO.File]::ReadAllBytes("$script:Work/Config.zip")) | Should -BeExactly ([Convert]::ToBase64String($x))
    }
    It 'gives the same bytes after an import' {
        $x = Export-CsConfiguration -AsBytes
        Import-CsConfiguration -ByteInput $x
        [Convert]::ToBase64String((Export-CsConfiguration -AsBytes)) | Should -BeExactly ([Convert]::ToBase64String($x))
    }
    It 'exports the local store with -LocalStore' {
        $local = Export-CsConfiguration -AsBytes -LocalStore
        $local.Length | Should -BeLessThan (Export-CsConfiguration -AsBytes).Length
    }
    It 'refuses an existing file and leaves it alone' {
        Set-Content Config.zip 'mine'
        $record = Get-ErrorOf { Export-CsConfiguration -FileName Config.zip }
        $record.FullyQualifiedErrorId | Should -BeExactly 'FileExists,Export-CsConfiguration'
        $record.CategoryInfo.Category | Should -Be 'ResourceExists'
        $record.ErrorDetails.RecommendedAction | Should -Match '-Force'
        Get-Content Config.zip | Should -Be 'mine'
        Get-Names $script:Work | Should -Be 'Config.zip'
    }
    It 'replaces an existing file with -Force' {
        Set-Content Config.zip 'mine'
        Export-CsConfiguration -FileName Config.zip -Force
        (Get-Item Config.zip).Length | Should -BeGreaterThan 1000
        Get-Names $script:Work | Should -Be 'Config.zip'
    }
    It 'works on a drive C: that is mapped' -Skip:($PSVersionTable.Platform -ne 'Unix') {
        $null = New-PSDrive -Name C -PSProvider FileSystem -Root $script:Work -Scope Global
        try {
            Export-CsConfiguration -FileName "C:\Config.zip"
            Import-CsConfiguration -FileName "C:\Config.zip"
            "$script:Work/Config.zip" | Should -Exist
        } finally { Remove-PSDrive C -Scope Global }
    }
    It 'names what is wrong with a target: <Name>' -ForEach @(
        @{ Name = 'a folder'; Path = '.'; Id = 'FileNotRegular' }
        @{ Name = 'a missing folder'; Path = 'no/such/Config.zip'; Id = 'FileNotFound' }
        @{ Name = 'a missing drive'; Path = 'Nowhere:\Config.zip'; Id = 'FileNotFound' }
        @{ Name = 'no file system'; Path = 'Env:\Config'; Id = 'FileNotRegular' }
    ) {
        (Get-ErrorOf { Export-CsConfiguration -FileName $Path }).FullyQualifiedErrorId | Should -BeExactly "$Id,Export-CsConfiguration"
        Get-Names $script:Work | Should -BeNullOrEmpty
    }
    It 'writes for its owner alone, and keeps the rights of what it replaces' -Skip:($PSVersionTable.Platform -ne 'Unix') {
        Export-CsConfiguration -FileName Config.zip
        (Get-Item Config.zip).UnixMode | Should -Be '-rw-------'
        & chmod 640 Config.zip
        Export-CsConfiguration -FileName Config.zip -Force
        (Get-Item Config.zip).UnixMode | Should -Be '-rw-r-----'
    }
    It 'takes every name that the disk takes: <Name>' -ForEach @(
        @{ Name = 'blanks, quotes and brackets'; File = 'a [1] "b" ''c''.zip' }
        @{ Name = 'a wildcard'; File = '*.zip' }
        @{ Name = 'letters of the world'; File = 'Zürich Łódź 東京.zip' }
        @{ Name = 'a long one'; File = 'n' * 250 }
        @{ Name = 'no extension'; File = 'LIS_Configuration' }
    ) {
        if ($script:OnWindows -and $File -match '["*]') { Set-ItResult -Skipped -Because 'Windows has no such names'; return }
        Export-CsConfiguration -FileName $File
        Get-Names $script:Work | Should -Be $File
        Import-CsConfiguration -FileName $File | Should -BeNullOrEmpty
    }
    It 'tells what to do about a path that this system does not have' -Skip:($PSVersionTable.Platform -ne 'Unix') {
        $record = Get-ErrorOf { Export-CsConfiguration -FileName '\\server\share\Config.zip' }
        $record.FullyQualifiedErrorId | Should -BeExactly 'FileNotFound,Export-CsConfiguration'
        $record.ErrorDetails.RecommendedAction | Should -Match 'Mount'
        $record = Get-ErrorOf { Export-CsConfiguration -FileName 'Q:\Config.zip' }
        $record.ErrorDetails.RecommendedAction | Should -Match 'New-PSDrive -Name Q'
        Get-Names $script:Work | Should -BeNullOrEmpty
    }
    It 'needs a file or -AsBytes' {
        (Get-ErrorOf { Export-CsConfiguration -AsBytes:$false }).FullyQualifiedErrorId | Should -BeExactly 'ParameterInvalid,Export-CsConfiguration'
    }
    It 'refuses a device' -Skip:($PSVersionTable.Platform -ne 'Unix') {
        (Get-ErrorOf { Export-CsConfiguration -FileName /dev/null -Force }).FullyQualifiedErrorId | Should -BeExactly 'FileNotRegular,Export-CsConfiguration'
    }
    It 'leaves nothing behind when the disk is full' -Skip:(-not (Test-Path /dev/full)) {
        # A folder that cannot take the temporary file: /proc takes none.
        (Get-ErrorOf { Export-CsConfiguration -FileName /proc/Config.zip }).FullyQualifiedErrorId | Should -BeExactly 'FileWriteFailed,Export-CsConfiguration'
    }
    It 'replaces what a link points to' -Skip:($PSVersionTable.Platform -ne 'Unix') {
        Set-Content real.zip 'old'
        $null = New-Item -ItemType SymbolicLink -Path link.zip -Target "$script:Work/real.zip"
        Export-CsConfiguration -FileName link.zip -Force
        (Get-Item real.zip).Length | Should -BeGreaterThan 1000
        (Get-Item link.zip).LinkType | Should -Be 'SymbolicLink'
    }
    It 'refuses a link that leads to itself' -Skip:($PSVersionTable.Platform -ne 'Unix') {
        & ln -s loop.zip loop.zip
        (Get-ErrorOf { Export-CsConfiguration -FileName loop.zip -Force }).FullyQualifiedErrorId | Should -BeExactly 'FileNotRegular,Export-CsConfiguration'
        (Get-ErrorOf { Import-CsConfiguration -FileName loop.zip }).FullyQualifiedErrorId | Should -BeExactly 'FileNotRegular,Import-CsConfiguration'
    }
    It 'has the sets of the original' {
        $command = Get-Command Export-CsConfiguration
        $command.ParameterSets.Name | Sort-Object | Should -Be 'AsBytes', 'FileName'
        $command.Parameters.Keys | Should -Contain 'LocalStore'
        $command.Parameters.Keys | Should -Not -Contain 'WhatIf'
        { Export-CsConfiguration -FileName a -AsBytes } | Should -Throw
    }
}
