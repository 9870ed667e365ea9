BeforeDiscovery { $script:Unix = $PSVersionTable.Platform -eq 'Unix' }
BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    Import-Module $script:ModuleFolder/CsVault/CsVault.psd1

    # A service that says hello and then what it is told to: it speaks the protocol as far as a test needs.
    function Start-Puppet([string] $Path) {
        $socket = [System.Net.Sockets.Socket]::new([System.Net.Sockets.AddressFamily]::Unix, [System.Net.Sockets.SocketType]::Stream, [System.Net.Sockets.ProtocolType]::Unspecified)
        $socket.Bind([System.Net.Sockets.UnixDomainSocketEndPoint]::new($Path))
        $socket.Listen(4)
        return $socket
    }
    function Read-Frame($Peer) {
        $header = [byte[]]::new(5)
        $have = 0
        while ($have -lt 5) { $have += $Peer.Receive($header, $have, 5 - $have, 'None') }
        $payload = [byte[]]::new([System.BitConverter]::ToInt32($header, 0))
        $have = 0
        while ($have -lt $payload.Length) { $have += $Peer.Receive($payload, $have, $payload.Length - $have, 'None') }
        return [System.Text.Encoding]::UTF8.GetString($payload)
    }
    function Send-Frame($Peer, [string] $Text) {
        $payload = [System.Text.Encoding]::UTF8.GetBytes($Text)
        $null = $Peer.Send([System.BitConverter]::GetBytes([int] $payload.Length))
        $null = $Peer.Send([byte[]] @(74))
        $null = $Peer.Send($payload)
    }
    function Send-Bytes($Peer, [long] $Call, [byte[]] $Bytes) {
        $null = $Peer.Send([System.BitConverter]::GetBytes([int] ($Bytes.Length + 8)))
        $null = $Peer.Send([byte[]] @(66))
        $null = $Peer.Send([System.BitConverter]::GetBytes($Call))
        $null = $Peer.Send($Bytes)
    }
    function Receive-Hello($Socket) {
        $peer = $Socket.Accept()
        $null = Read-Frame $peer
        Send-Frame $peer '{"jsonrpc":"2.0","id":1,"result":{"protocol":1,"server":"puppet","features":[],"manifests":"","pid":1}}'
        return $peer
    }
}

Describe 'The service behind the module' {
    BeforeEach { $script:Folder = New-TestHome }
    AfterEach { Remove-TestHome $script:Folder }

    It 'is started when none runs, found when one runs, and started again after it ended' {
        @(Get-CsAdminRole).Count | Should -Be 11
        $first = (& $env:CSVAULT_EXE status --json | ConvertFrom-Json).pid
        @(Get-CsAdminRole).Count | Should -Be 11
        (& $env:CSVAULT_EXE status --json | ConvertFrom-Json).pid | Should -Be $first
        $null = & $env:CSVAULT_EXE stop
        @(Get-CsAdminRole).Count | Should -Be 11
        (& $env:CSVAULT_EXE status --json | ConvertFrom-Json).pid | Should -Not -Be $first
    }
    It 'is started again after it was killed' -Skip:(-not $script:Unix) {
        $null = Get-CsAdminRole
        $id = (& $env:CSVAULT_EXE status --json | ConvertFrom-Json).pid
        & kill -9 $id
        Start-Sleep -Milliseconds 200
        $Error.Clear()
        @(Get-CsAdminRole -ErrorVariable mine).Count | Should -Be 11
        $mine.Count + $Error.Count | Should -Be 0
    }
    It 'is started again without a word when it ended between two calls' {
        $null = Get-CsAdminRole
        $null = & $env:CSVAULT_EXE stop
        Start-Sleep -Milliseconds 200
        $Error.Clear()
        @(Get-CsAdminRole -ErrorVariable mine).Count | Should -Be 11
        $mine.Count | Should -Be 0
        $Error.Count | Should -Be 0
    }
    It 'says what is missing when the executable is not there' {
        $exe = $env:CSVAULT_EXE
        $env:CSVAULT_EXE = "$script:Folder/no-such-csvault"
        $record = Get-ErrorOf { Get-CsAdminRole }
        $env:CSVAULT_EXE = $exe
        $record.FullyQualifiedErrorId | Should -BeExactly 'HostUnavailable,Get-CsAdminRole'
        $record.Exception.Message | Should -Match 'no-such-csvault'
    }
    It 'is not started when the pipe is named and nobody listens' {
        $env:CSVAULT_PIPE = if ($script:OnWindows) { '\\.\pipe\nobody-here' } else { "$script:Folder/nobody.sock" }
        (Get-ErrorOf { Get-CsAdminRole }).FullyQualifiedErrorId | Should -BeExactly 'HostUnavailable,Get-CsAdminRole'
    }
    It 'is not trusted when the pipe is no socket' -Skip:(-not $script:Unix) {
        $env:CSVAULT_PIPE = "$script:Folder/file.sock"
        Set-Content $env:CSVAULT_PIPE 'not a socket'
        (Get-ErrorOf { Get-CsAdminRole }).FullyQualifiedErrorId | Should -BeExactly 'HostNotTrusted,Get-CsAdminRole'
    }
    It 'is not trusted when somebody else owns the pipe' -Skip:(-not $script:Unix) {
        $null = Get-CsAdminRole
        $env:CSVAULT_PIPE = "$env:CSVAULT_HOME/csvault.sock"
        $env:CSVAULT_PIPE_OWNER = '54321'
        # A new session, because this one trusts its open connection.
        $result = Invoke-Prompt 'Get-CsAdminRole'
        ($result.Error + $result.Output) | Should -Match 'not trusted'
    }
    It 'is not trusted when its owner is to be an account that is not there' -Skip:(-not $script:Unix) {
        $null = Get-CsAdminRole
        $env:CSVAULT_PIPE = "$env:CSVAULT_HOME/csvault.sock"
        $env:CSVAULT_PIPE_OWNER = 'no-such-account'
        $record = Get-ErrorOf { Get-CsAdminRole }
        $record.FullyQualifiedErrorId | Should -BeExactly 'HostNotTrusted,Get-CsAdminRole'
        $record.Exception.Message | Should -Match 'no-such-account'
    }
    It 'is found in a home that is named relative to the process, and in one with blanks and brackets' -Skip:(-not $script:Unix) {
        $relative = [System.IO.Path]::GetRelativePath([Environment]::CurrentDirectory, $env:CSVAULT_HOME)
        foreach ($place in $relative, "$script:Folder/a [b] ü", "$env:CSVAULT_HOME/") {
            $env:CSVAULT_HOME = $place
            @(Get-CsAdminRole).Count | Should -Be 11
            $env:CSVAULT_HOME = [System.IO.Path]::GetFullPath($place)
            & $env:CSVAULT_EXE stop | Should -Match 'ended'
        }
    }
    It 'tells that it does not answer' -Skip:(-not $script:Unix) {
        $env:CSVAULT_PIPE = "$script:Folder/p.sock"
        $puppet = Start-Puppet $env:CSVAULT_PIPE
        $record = Get-ErrorOf { Get-CsAdminRole }
        $puppet.Dispose()
        $record.FullyQualifiedErrorId | Should -BeExactly 'HostUnavailable,Get-CsAdminRole'
        $record.Exception.Message | Should -Match 'does not answer'
    }
    It 'tells how the executable ended that should have started it' -Skip:(-not (Test-Path /bin/false)) {
        $exe = $env:CSVAULT_EXE
        $env:CSVAULT_EXE = '/bin/false'
        $record = Get-ErrorOf { Get-CsAdminRole }
        $env:CSVAULT_EXE = $exe
        $record.Exception.Message | Should -Match '/bin/false ended with exit code 1'
    }
    It 'is refused when it is of another build' -Skip:(-not $script:Unix) {
        $env:CSVAULT_PIPE = "$script:Folder/p.sock"
        $puppet = Start-Puppet $env:CSVAULT_PIPE
        $process = Start-Prompt 'Get-CsAdminRole'
        $peer = $puppet.Accept()
        $hello = Read-Frame $peer | ConvertFrom-Json
        $hello.method | Should -Be 'hello'
        $hello.params.protocol | Should -Be 1
        $hello.params.manifests | Should -Match '^[0-9a-f]{64}$'
        Send-Frame $peer '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"other","data":{"id":"ProtocolMismatch","category":"ProtocolError","message":"The manifests differ.","recommendedAction":"Run `csvault stop`."}}}'
        $text = $process.StandardOutput.ReadToEnd() + $process.StandardError.ReadToEnd()
        $process.WaitForExit()
        $puppet.Dispose()
        $text | Should -Match 'The manifests differ'
        $text | Should -Match 'csvault stop'
    }
    It 'is reported lost when it dies in mid-call, and no half file is left' -Skip:(-not $script:Unix) {
        $env:CSVAULT_PIPE = "$script:Folder/p.sock"
        $puppet = Start-Puppet $env:CSVAULT_PIPE
        $process = Start-Prompt "Export-CsConfiguration -FileName '$script:Folder/Config.zip'"
        $peer = Receive-Hello $puppet
        $null = Read-Frame $peer
        Send-Bytes $peer 2 ([byte[]]::new(1000))
        $peer.Dispose()
        $text = $process.StandardOutput.ReadToEnd() + $process.StandardError.ReadToEnd()
        $process.WaitForExit()
        $puppet.Dispose()
        $text | Should -Match 'The service went away during Export-CsConfiguration'
        Get-Names $script:Folder | Should -BeNullOrEmpty
    }
    It 'is asked once more, with the same key, when a change got no answer' -Skip:(-not $script:Unix) {
        $env:CSVAULT_PIPE = "$script:Folder/p.sock"
        $puppet = Start-Puppet $env:CSVAULT_PIPE
        [System.IO.File]::WriteAllBytes("$script:Folder/in.zip", [byte[]]::new(10))
        $process = Start-Prompt "Import-CsConfiguration -FileName '$script:Folder/in.zip'; 'ended well'"
        $peer = Receive-Hello $puppet
        $first = Read-Frame $peer | ConvertFrom-Json
        $peer.Dispose()
        $peer = Receive-Hello $puppet
        $second = Read-Frame $peer | ConvertFrom-Json
        $second.params.idempotencyKey | Should -Be $first.params.idempotencyKey
        Send-Frame $peer ('{"jsonrpc":"2.0","id":' + $second.id + ',"result":{"version":2,"repeated":true}}')
        $text = $process.StandardOutput.ReadToEnd() + $process.StandardError.ReadToEnd()
        $process.WaitForExit()
        $puppet.Dispose()
        $text.Trim() | Should -Be 'ended well'
    }
    It 'refuses bytes that did not arrive whole' -Skip:(-not $script:Unix) {
        $env:CSVAULT_PIPE = "$script:Folder/p.sock"
        $puppet = Start-Puppet $env:CSVAULT_PIPE
        $process = Start-Prompt "Export-CsConfiguration -FileName '$script:Folder/Config.zip'"
        $peer = Receive-Hello $puppet
        $null = Read-Frame $peer
        Send-Bytes $peer 2 ([byte[]]::new(1000))
        Send-Frame $peer ('{"jsonrpc":"2.0","id":2,"result":{"bytes":1000,"sha256":"' + ('0' * 64) + '"}}')
        $text = $process.StandardOutput.ReadToEnd() + $process.StandardError.ReadToEnd()
        $process.WaitForExit()
        $puppet.Dispose()
        $text | Should -Match 'did not arrive whole'
        Get-Names $script:Folder | Should -BeNullOrEmpty
    }
    It 'is left at once on Ctrl+C <When>' -Skip:(-not $script:Unix) -ForEach @(
        @{ When = 'while it says nothing'; Hello = $false }
        @{ When = 'in the middle of a transfer'; Hello = $true }
    ) {
        $env:CSVAULT_PIPE = "$script:Folder/p.sock"
        $puppet = Start-Puppet $env:CSVAULT_PIPE
        $process = Start-Prompt "Export-CsConfiguration -FileName '$script:Folder/Config.zip'; 'not reached'"
        if ($Hello) {
            $peer = Receive-Hello $puppet
            $null = Read-Frame $peer
            Send-Bytes $peer 2 ([byte[]]::new(1000))
        } else {
            $peer = $puppet.Accept()
            $null = Read-Frame $peer
        }
        & kill -INT $process.Id
        # The client closes its end when it stops: that is what cancels the call.
        $rest = [byte[]]::new(100)
        while ($peer.Receive($rest) -gt 0) { }
        $process.WaitForExit()
        $puppet.Dispose()
        $process.StandardOutput.ReadToEnd() | Should -Not -Match 'not reached'
        Get-Names $script:Folder | Should -BeNullOrEmpty
    }
}
