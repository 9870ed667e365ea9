# The connection: frames of the protocol (docs/protocol.md). Every wait is cut into short ones, so that Ctrl+C is heard.
#
# What is here runs in each first call at a prompt. Tables are read with brackets and not with dots: PowerShell compiles code for each name
# behind a dot, which takes longer than a call, and the same code for all brackets. It does so for each operator and kind of operands as
# well, but not for -is, -isnot and -join: hence -is [object], which means that something is there.

$script:CsVaultIdle = @{}
# What names the place of the service. ($env: is ten times as slow.)
$script:CsVaultPlaceNames = 'CSVAULT_HOME', 'CSVAULT_PIPE', 'CSVAULT_PIPE_OWNER', 'XDG_DATA_HOME', 'HOME'
$script:CsVaultUtf8 = [System.Text.UTF8Encoding]::new($false, $true)
# What ConvertFrom-Json calls, public but in Windows PowerShell: the first use of the cmdlet itself, and of the module that it is in, takes its time.
$script:CsVaultJson = if ($PSEdition -eq 'Core') { 'Microsoft.PowerShell.Commands.JsonObject, Microsoft.PowerShell.Commands.Utility' -as [type] }
$script:CsVaultDone = @{ id = 1; result = @{} }

# A connection that said hello: one that is idle, or a new one.
function Get-CsVaultConnection($Cmdlet, [bool] $New) {
    $key = foreach ($name in $script:CsVaultPlaceNames) { [Environment]::GetEnvironmentVariable($name) }
    $key = $key -join '|'
    $idle = $script:CsVaultIdle[$key]
    if (-not $New -and $idle -is [object]) {
        $script:CsVaultIdle.Remove($key)
        if (-not $idle['Reading'].IsCompleted) { return $idle }
        $idle['Pipe'].Dispose()
    }
    $place = Get-CsVaultPlace $Cmdlet
    $connection = Connect-CsVaultPipe $Cmdlet $place
    if ($connection -isnot [object]) { $connection = Start-CsVaultConnection $Cmdlet $place }
    $connection['Key'] = $key
    $said = $false
    try {
        Send-CsVaultJson $connection ('{"jsonrpc":"2.0","id":1,"method":"hello","params":{"protocol":', $script:CsVaultProtocol,
            ',"client":"', $script:CsVaultClient, '","manifests":"', $script:CsVaultManifests, '"}}' -join '')
        $answer = Receive-CsVaultFrame $connection 60
        $said = $answer -is [object] -and $answer['error'] -isnot [object]
    } catch [System.TimeoutException] {
        $answer = $null
    } finally {
        if (-not $said) { $connection['Pipe'].Dispose() }
    }
    if (-not $said) { Stop-CsVaultHello $Cmdlet $place $answer }
    if ($DebugPreference -ne 'SilentlyContinue') { $Cmdlet.WriteDebug("Connected to $($answer.result.server), process $($answer.result.pid), at $($place['Pipe']).") }
    return $connection
}

# Keeps a connection for the next call. It is read from meanwhile: a read that ends tells that the service has gone, without an error that
# would be in the user's $Error and -ErrorVariable.
function Set-CsVaultIdle($Connection) {
    $c = $Connection
    if ($script:CsVaultIdle[$c['Key']] -is [object] -or $c['Start'] -ne $c['End']) {
        $c['Pipe'].Dispose()
        return
    }
    $c['Start'] = 0
    $c['End'] = 0
    $c['Reading'] = $c['Pipe'].ReadAsync($c['Buffer'], 0, $c['Buffer'].Length)
    $script:CsVaultIdle[$c['Key']] = $c
}

# $null when nobody listens.
function Connect-CsVaultPipe($Cmdlet, $Place) {
    $name = $Place['Pipe']
    if ($script:CsVaultOnWindows) {
        $name = $name -replace '^\\\\\.\\pipe\\', ''
    } elseif (-not [System.IO.File]::Exists($name)) {
        # Asked before: an error that is caught here would still be in the user's $Error and -ErrorVariable.
        return $null
    } elseif ($env:CSVAULT_PIPE_OWNER) {
        Assert-CsVaultPipeOwner $Cmdlet $Place
    }
    # Asynchronous; and CurrentUserOnly, which Windows PowerShell does not have: where the service is the user's own, .NET itself asks
    # the system who listens, as soon as it is connected and before anything is said. (On Windows it would take a group, the owner of an
    # administrator's new objects, for the user.) The service may learn who we are, and no more.
    $named = $script:CsVaultOnWindows -or $env:CSVAULT_PIPE_OWNER
    $options = if ($named) { 0x40000000 } else { 0x60000000 }
    $pipe = [System.IO.Pipes.NamedPipeClientStream]::new('.', $name, [System.IO.Pipes.PipeDirection]::InOut, $options, [System.Security.Principal.TokenImpersonationLevel]::Identification)
    $connected = $false
    try {
        # A wait that does not throw: that nobody listens is no error of the user's.
        $task = $pipe.ConnectAsync(300)
        while (-not $task.IsCompleted) { [System.Threading.Thread]::Sleep(1) }
        $connected = $task.Exception -isnot [object]
        if (-not $connected) { Assert-CsVaultSilence $Cmdlet $Place $task.Exception.GetBaseException() }
    } finally {
        if (-not $connected) { $pipe.Dispose() }
    }
    if (-not $connected) { return $null }
    if ($named) { Test-CsVaultListener $Cmdlet $Place $pipe }
    return @{ Pipe = $pipe; Key = ''; Buffer = [byte[]]::new(16384); Start = 0; End = 0; Offset = 0; Length = 0; Call = 1; Reading = $null }
}

function Send-CsVaultJson($Connection, [string] $Text) {
    # In front are the length, which is set below, and the kind.
    $frame = $script:CsVaultUtf8.GetBytes("`0`0`0`0J$Text")
    $length = $frame.Length - 5
    [System.BitConverter]::GetBytes($length).CopyTo($frame, 0)
    $task = $Connection['Pipe'].WriteAsync($frame, 0, $frame.Length)
    while (-not $task.Wait(250)) { }
}

# Waits for the next frame, without an end or for so many quarters of a second of silence. Returns its message; or nothing for a chunk of
# bytes, which stays in the buffer until the next call.
function Receive-CsVaultFrame($Connection, [int] $Quarters) {
    $c = $Connection
    while ($true) {
        $have = $c['End'] - $c['Start']
        $need = 5
        if ($have -gt 4) {
            $length = [System.BitConverter]::ToInt32($c['Buffer'], $c['Start'])
            if (-not ($length -gt 0) -or $length -gt 1048576) { throw [System.IO.IOException]::new('the service sent a frame of a forbidden length') }
            $need = $length + 5
            if (-not ($need -gt $have)) {
                $kind = $c['Buffer'][$c['Start'] + 4]
                $c['Offset'] = $c['Start'] + 5
                $c['Length'] = $length
                $c['Start'] += $need
                if ($kind -eq 66) { return }
                $text = $script:CsVaultUtf8.GetString($c['Buffer'], $c['Offset'], $length)
                # The answer to most calls, which needs no parsing.
                if ($text -eq ('{"jsonrpc":"2.0","id":', $c['Call'], ',"result":{}}' -join '')) { return $script:CsVaultDone }
                $message = if ($script:CsVaultJson -isnot [object]) { ConvertFrom-CsVaultJson $text } else { $script:CsVaultJson::ConvertFromJson($text, $true, [ref] $null) }
                if ($message -is [System.Collections.IDictionary]) { return $message }
                throw [System.IO.IOException]::new('the service sent a frame that is no message')
            }
        }
        if ($need -gt $c['Buffer'].Length - $c['Start']) {
            Expand-CsVaultBuffer $c $need
        } elseif (-not ($have -gt 0)) {
            $c['Start'] = 0
            $c['End'] = 0
        }
        $task = $c['Reading']
        if ($task -isnot [object]) { $task = $c['Pipe'].ReadAsync($c['Buffer'], $c['End'], $c['Buffer'].Length - $c['End']) } else { $c['Reading'] = $null }
        while (-not $task.Wait(250)) { if (--$Quarters -eq 0) { throw [System.TimeoutException]::new() } }
        if (-not ($task.Result -gt 0)) { throw [System.IO.IOException]::new('the service closed the connection') }
        $c['End'] += $task.Result
    }
}
