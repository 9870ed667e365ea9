# Plays the transcripts of tests/wire on a service, from PowerShell. Their form is told in tests/wire/README.md.

function New-Player([string] $Pipe, [string] $Manifests, [string] $Root) {
    return @{ Pipe = $Pipe; Root = $Root; Open = @{}; Saved = @{ manifests = $Manifests }; Kept = @{}; Last = $null }
}

function Get-Line($Player, [string] $Name) {
    if (-not $Player.Open.ContainsKey($Name)) {
        $stream = [System.IO.Pipes.NamedPipeClientStream]::new('.', $Player.Pipe, 'InOut', 'Asynchronous')
        $stream.Connect(5000)
        $Player.Open[$Name] = @{ Stream = $stream; Chunks = @{}; Credits = @{}; Held = [System.Collections.Generic.Queue[object]]::new() }
    }
    return $Player.Open[$Name]
}

function Send-Raw($Line, [byte[]] $Bytes) {
    # The service may have closed its end already; what it said before that is what counts.
    try { $Line.Stream.Write($Bytes, 0, $Bytes.Length); $Line.Stream.Flush() } catch [System.Management.Automation.MethodInvocationException] { Write-Debug "$_" }
}

function Send-Payload($Line, [byte] $Kind, [byte[]] $Payload) {
    $frame = [byte[]]::new(5 + $Payload.Length)
    [System.BitConverter]::GetBytes([int] $Payload.Length).CopyTo($frame, 0)
    $frame[4] = $Kind
    $Payload.CopyTo($frame, 5)
    Send-Raw $Line $frame
}

# Reads so many bytes; $null when the service closes the connection first.
function Read-Bytes($Line, [int] $Count) {
    $bytes = [byte[]]::new($Count)
    $have = 0
    while ($have -lt $Count) {
        try {
            $task = $Line.Stream.ReadAsync($bytes, $have, $Count - $have)
            if (-not $task.Wait(30000)) { throw 'the service said nothing for 30 seconds' }
        } catch [System.Management.Automation.MethodInvocationException] {
            return $null
        }
        if ($task.Result -eq 0) { return $null }
        $have += $task.Result
    }
    return , $bytes
}

# The next message, its text parsed; chunks are kept on the way. $null when the connection is closed.
function Read-Message($Line) {
    while ($true) {
        $header = Read-Bytes $Line 5
        if ($null -eq $header) { return $null }
        $payload = Read-Bytes $Line ([System.BitConverter]::ToInt32($header, 0))
        if ($null -eq $payload) { return $null }
        if ($header[4] -eq 74) { return [System.Text.Encoding]::UTF8.GetString($payload) | ConvertFrom-Json -AsHashtable }
        $call = [System.BitConverter]::ToInt64($payload, 0)
        if (-not $Line.Chunks.ContainsKey($call)) { $Line.Chunks[$call] = [System.IO.MemoryStream]::new() }
        $Line.Chunks[$call].Write($payload, 8, $payload.Length - 8)
    }
}

# The next message that the pattern could be about.
function Read-Fitting($Line, $Method, $Stream) {
    while ($true) {
        $message = if ($Line.Held.Count -gt 0) { $Line.Held.Dequeue() } else { Read-Message $Line }
        if ($null -eq $message) { return $null }
        if ($message['method'] -eq 'ack') {
            $call = [long] $message['params']['call']
            $Line.Credits[$call] = [int] $Line.Credits[$call] + [int] $message['params']['chunks']
            if ($Method -ne 'ack') { continue }
        }
        if ($message['method'] -eq 'record' -and $message['params']['stream'] -in 'progress', 'verbose', 'debug' -and
            -not ($Method -eq 'record' -and $Stream -eq $message['params']['stream'])) { continue }
        return $message
    }
}

function Resolve-Sent($Player, $Value) {
    if ($Value -is [string] -and $Value.StartsWith('$')) { return $Player.Saved[$Value.Substring(1)] }
    if ($Value -is [System.Collections.IDictionary]) {
        $filled = [ordered] @{}
        foreach ($key in $Value.Keys) { $filled[$key] = Resolve-Sent $Player $Value[$key] }
        return $filled
    }
    if ($Value -is [array]) { return , @(foreach ($one in $Value) { Resolve-Sent $Player $one }) }
    return $Value
}

# What does not match, as a sentence; nothing when all does.
function Compare-Pattern($Player, $Pattern, $Value, [string] $At) {
    if ($Pattern -is [System.Collections.IDictionary]) {
        if ($Value -isnot [System.Collections.IDictionary]) { return "$At is no object" }
        foreach ($key in $Pattern.Keys) {
            if ($Pattern[$key] -is [string] -and $Pattern[$key] -ceq '<absent>') {
                if ($Value.Contains($key)) { "$At.$key is there" }
            } elseif (-not $Value.Contains($key)) {
                "$At.$key is missing"
            } else {
                Compare-Pattern $Player $Pattern[$key] $Value[$key] "$At.$key"
            }
        }
        return
    }
    if ($Pattern -is [array]) {
        $found = @($Value)
        if ($Pattern.Count -ne $found.Count) { return "$At has $($found.Count) elements, not $($Pattern.Count)" }
        for ($i = 0; $i -lt $Pattern.Count; $i++) { Compare-Pattern $Player $Pattern[$i] $found[$i] "$At[$i]" }
        return
    }
    if ($Pattern -is [string]) {
        $text = "$Value"
        switch -Regex -CaseSensitive ($Pattern) {
            '^<any>$' { return }
            '^<text>$' { if ($Value -isnot [string] -or -not $Value) { "$At is no text" }; return }
            '^<number>$' { if ($text -notmatch '^-?\d+$') { "$At is no number" }; return }
            '^<hash>$' { if ($text -notmatch '^[0-9a-f]{64}$') { "$At is no hash" }; return }
            '^<contains:(.*)>$' { if (-not $text.Contains($Matches[1])) { "$At does not contain $($Matches[1]): $text" }; return }
            '^<save:(.*)>$' { $Player.Saved[$Matches[1]] = $Value; return }
            '^<saved:(.*)>$' { if ("$($Player.Saved[$Matches[1]])" -cne $text) { "$At is not what was saved as $($Matches[1])" }; return }
            '^\$(.+)$' { if ("$($Player.Saved[$Matches[1]])" -cne $text) { "$At is not `$$($Matches[1])" }; return }
        }
    }
    if ("$Pattern" -cne "$Value") { "$At is '$Value', not '$Pattern'" }
}

function Send-Input($Player, $Line, $Step) {
    $call = [long] $Step['call']
    $bytes = if ($Step.Contains('text')) { [System.Text.Encoding]::UTF8.GetBytes($Step['text']) }
    elseif ($Step.Contains('saved')) { $Player.Kept[$Step['saved']] }
    elseif ($Step.Contains('file')) { [System.IO.File]::ReadAllBytes([System.IO.Path]::Combine($Player.Root, $Step['file'])) }
    else { [byte[]]::new(0) }
    if (-not $Line.Credits.ContainsKey($call)) { $Line.Credits[$call] = 16 }
    for ($at = 0; $at -lt $bytes.Length; $at += 262144) {
        while ($Line.Credits[$call] -lt 1) {
            $message = Read-Message $Line
            if ($null -eq $message) { return }
            if ($message['method'] -eq 'ack') { $Line.Credits[[long] $message['params']['call']] += [int] $message['params']['chunks'] } else { $Line.Held.Enqueue($message); return }
        }
        $Line.Credits[$call]--
        $length = [Math]::Min(262144, $bytes.Length - $at)
        $payload = [byte[]]::new(8 + $length)
        [System.BitConverter]::GetBytes($call).CopyTo($payload, 0)
        [System.Array]::Copy($bytes, $at, $payload, 8, $length)
        Send-Payload $Line 66 $payload
    }
    if (-not $Step.Contains('end') -or $Step['end']) {
        Send-Payload $Line 74 ([System.Text.Encoding]::UTF8.GetBytes('{"jsonrpc":"2.0","method":"endInput","params":{"call":' + $call + '}}'))
    }
}

# Plays one step; returns what went otherwise than written.
function Invoke-Step($Player, $Step) {
    $name = "$($Step['on'])"
    $line = Get-Line $Player $name
    $utf8 = [System.Text.Encoding]::UTF8
    if ($Step.Contains('send')) { Send-Payload $line 74 $utf8.GetBytes((ConvertTo-Json (Resolve-Sent $Player $Step['send']) -Depth 100 -Compress)) }
    elseif ($Step.Contains('sendText')) { Send-Payload $line 74 $utf8.GetBytes($Step['sendText']) }
    elseif ($Step.Contains('sendHex')) {
        $hex = $Step['sendHex'] -replace '\s'
        Send-Raw $line ([byte[]] @(for ($i = 0; $i -lt $hex.Length; $i += 2) { [Convert]::ToByte($hex.Substring($i, 2), 16) }))
    } elseif ($Step.Contains('sendRepeated')) {
        $parts = $Step['sendRepeated']
        $text = [System.Text.StringBuilder]::new("$($parts['before'])").Insert("$($parts['before'])".Length, $parts['text'], [int] $parts['times']).Append("$($parts['after'])")
        Send-Payload $line 74 $utf8.GetBytes($text.ToString())
    } elseif ($Step.Contains('sendInput')) { Send-Input $Player $line $Step['sendInput'] }
    elseif ($Step.Contains('expect')) {
        $pattern = $Step['expect']
        $stream = if ($pattern['params'] -is [System.Collections.IDictionary]) { $pattern['params']['stream'] }
        $message = Read-Fitting $line $pattern['method'] $stream
        if ($null -eq $message) { return 'the service closed the connection' }
        $Player.Last = $message
        Compare-Pattern $Player $pattern $message 'message'
    } elseif ($Step.Contains('expectRecords')) {
        $wanted = $Step['expectRecords']
        for ($count = 0; ; $count++) {
            $message = Read-Fitting $line 'record' $wanted['stream']
            if ($null -eq $message -or $message['method'] -ne 'record' -or $message['params']['stream'] -ne $wanted['stream'] -or $message['params']['call'] -ne $wanted['call']) { break }
        }
        if ($null -ne $message) { $line.Held.Enqueue($message) }
        $least = if ($wanted.Contains('atLeast')) { $wanted['atLeast'] } else { 1 }
        if ($count -lt $least) { "only $count records of $($wanted['stream'])" }
    } elseif ($Step.Contains('expectBytes')) {
        $wanted = $Step['expectBytes']
        $call = [long] $wanted['call']
        $bytes = if ($line.Chunks.ContainsKey($call)) { $line.Chunks[$call].ToArray() } else { [byte[]]::new(0) }
        $result = $Player.Last['result']
        if ([long] $result['bytes'] -ne $bytes.Length) { "$($bytes.Length) bytes came, not $($result['bytes'])" }
        $hash = [System.BitConverter]::ToString([System.Security.Cryptography.SHA256]::Create().ComputeHash($bytes)).Replace('-', '').ToLowerInvariant()
        if ($result['sha256'] -cne $hash) { 'the hash of the bytes differs' }
        if ($wanted.Contains('begin') -and -not $utf8.GetString($bytes, 0, [Math]::Min(200, $bytes.Length)).StartsWith($wanted['begin'], 'Ordinal')) { 'the bytes begin otherwise' }
        if ($wanted.Contains('equal') -and [Convert]::ToBase64String($bytes) -cne [Convert]::ToBase64String($Player.Kept[$wanted['equal']])) { "the bytes differ from $($wanted['equal'])" }
        if ($wanted.Contains('save')) { $Player.Kept[$wanted['save']] = $bytes }
    } elseif ($Step.Contains('expectClosed')) {
        $message = Read-Fitting $line '' ''
        if ($null -ne $message) { "a message came before the end: $($message | ConvertTo-Json -Compress -Depth 8)" }
        $line.Stream.Dispose()
        $Player.Open.Remove($name)
    } else { "a step that is not known: $($Step.Keys)" }
}
