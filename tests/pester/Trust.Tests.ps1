# The module says nothing to a service of another account, whatever its socket looks like. Another account is needed for that, and so root.
BeforeDiscovery {
    $script:MayBecomeOthers = $PSVersionTable.Platform -eq 'Unix' -and (& id -u) -eq '0' -and $null -ne (Get-Command setpriv -CommandType Application -ErrorAction SilentlyContinue)
    if (-not $script:MayBecomeOthers) { Write-Host 'skipped: Trust: needs root and setpriv to listen as another account' }
}
BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    Import-Module $script:ModuleFolder/CsVault/CsVault.psd1
    # An account that exists nowhere.
    $script:Stranger = 4002

    # Listens as another account until something comes or the connection ends, and leaves the number of bytes in a file.
    function Start-Fake([string] $Folder) {
        $script = "$Folder/fake.ps1"
        Set-Content $script @'
param([string] $Path, [string] $Count)
$socket = [System.Net.Sockets.Socket]::new([System.Net.Sockets.AddressFamily]::Unix, [System.Net.Sockets.SocketType]::Stream, [System.Net.Sockets.ProtocolType]::Unspecified)
$socket.Bind([System.Net.Sockets.UnixDomainSocketEndPoint]::new($Path))
$socket.Listen(4)
while ($true) {
    $peer = $socket.Accept()
    $bytes = [byte[]]::new(100)
    $got = 0
    try { $got = $peer.Receive($bytes) } catch { $got = -1 }
    [System.IO.File]::AppendAllText($Count, "$got`n")
    $peer.Dispose()
}
'@
        $theirs = "$Folder/theirs"
        $null = New-Item -ItemType Directory -Path $theirs
        & chmod 755 $Folder
        & chown $script:Stranger $theirs
        $start = [System.Diagnostics.ProcessStartInfo]::new('setpriv')
        foreach ($word in '--reuid', "$script:Stranger", '--clear-groups', $script:Pwsh, '-NoProfile', '-NonInteractive', '-File', $script, "$theirs/p.sock", "$theirs/count") { $start.ArgumentList.Add($word) }
        $start.Environment['HOME'] = $theirs
        $start.WorkingDirectory = '/'
        $start.UseShellExecute = $false
        $process = [System.Diagnostics.Process]::Start($start)
        $until = [datetime]::UtcNow.AddSeconds(60)
        while (-not (Test-Path "$theirs/p.sock") -and [datetime]::UtcNow -lt $until -and -not $process.HasExited) { Start-Sleep -Milliseconds 100 }
        return $process
    }
    # What each connection said so far, once so many of them ended.
    function Get-Heard([string] $Folder, [int] $Connections) {
        $until = [datetime]::UtcNow.AddSeconds(20)
        do {
            $heard = @(if (Test-Path "$Folder/theirs/count") { Get-Content "$Folder/theirs/count" })
            if ($heard.Count -ge $Connections) { break }
            Start-Sleep -Milliseconds 100
        } while ([datetime]::UtcNow -lt $until)
        return $heard
    }
    function Get-Said([hashtable] $Environment) {
        $result = Invoke-Prompt 'Get-CsAdminRole' $Environment
        return $result.Error + $result.Output
    }
}

Describe 'A service of another account' -Skip:(-not $script:MayBecomeOthers) {
    BeforeAll {
        $script:Folder = New-TestHome
        $script:Fake = Start-Fake $script:Folder
        $script:Pipe = "$script:Folder/theirs/p.sock"
    }
    AfterAll {
        if ($script:Fake -and -not $script:Fake.HasExited) { $script:Fake.Kill() }
        Remove-TestHome $script:Folder
    }

    It 'hears nothing when its socket is its own' {
        $said = Get-Said @{ CSVAULT_PIPE = $script:Pipe }
        $said | Should -Match 'not trusted'
        $said | Should -Match "belongs to the account $script:Stranger, not to 0"
        (Get-Heard $script:Folder 1) -join ' ' | Should -Be '0'
    }
    It 'hears nothing when its socket looks like ours, as one does that was replaced a moment ago' {
        & chown root $script:Pipe
        $said = Get-Said @{ CSVAULT_PIPE = $script:Pipe }
        $said | Should -Match 'not trusted'
        $said | Should -Match 'who listens there is not the account 0'
        (Get-Heard $script:Folder 2) -join ' ' | Should -Be '0 0'
    }
    It 'hears nothing either when another account is expected by its name' {
        & chown daemon $script:Pipe
        $said = Get-Said @{ CSVAULT_PIPE = $script:Pipe; CSVAULT_PIPE_OWNER = 'daemon' }
        $said | Should -Match 'not trusted'
        $said | Should -Match "who listens there is the account $script:Stranger, not $(& id -u daemon)"
        (Get-Heard $script:Folder 3) -join ' ' | Should -Be '0 0 0'
    }
    It 'is not reached through a link' {
        & ln -s $script:Pipe "$script:Folder/link.sock"
        Get-Said @{ CSVAULT_PIPE = "$script:Folder/link.sock"; CSVAULT_PIPE_OWNER = "$script:Stranger" } | Should -Match 'is not a socket'
        @(Get-Heard $script:Folder 3).Count | Should -Be 3
    }
    It 'hears nothing in a home of another account' {
        & chown root $script:Pipe
        & mv $script:Pipe "$script:Folder/theirs/csvault.sock"
        $said = Get-Said @{ CSVAULT_HOME = "$script:Folder/theirs" }
        $said | Should -Match "theirs belongs to the account $script:Stranger, not to 0"
        (Get-Heard $script:Folder 4) -join ' ' | Should -Be '0 0 0 0'
    }
    It 'is spoken to when it is the one that is expected' {
        & chown $script:Stranger "$script:Folder/theirs/csvault.sock"
        $said = Get-Said @{ CSVAULT_PIPE = "$script:Folder/theirs/csvault.sock"; CSVAULT_PIPE_OWNER = "$script:Stranger" }
        $said | Should -Not -Match 'not trusted'
        [int] @(Get-Heard $script:Folder 5)[4] | Should -BeGreaterThan 50
    }
}
