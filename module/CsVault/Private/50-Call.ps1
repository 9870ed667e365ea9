# One call: the request, bytes in both directions, records as they come, the answer.

# Parameters as JSON, those that go to the service.
function ConvertTo-CsVaultParameters($Bound, [string[]] $Sent) {
    $pairs = foreach ($name in $Sent) {
        if (-not $Bound.ContainsKey($name)) { continue }
        $value = $Bound[$name]
        if ($value -is [switch]) {
            '"' + $name + '":' + $(if ($value) { 'true' } else { 'false' })
        } elseif ("$value" -cmatch '^[A-Za-z0-9_ .:/*@=,-]*\z') {
            '"' + $name + '":"' + $value + '"'
        } else {
            '"' + $name + '":' + (ConvertTo-Json ([string] $value) -Compress)
        }
    }
    return '{' + ($pairs -join ',') + '}'
}

# Runs a call. $Source is a stream of bytes to send, $Sink one for bytes that come; both may be $null. Returns the result with the
# number of lines of its plan in PlanLines.
function Invoke-CsVaultCall($Cmdlet, [string] $Parameters, [bool] $WhatIf, [bool] $Changes, $Source, $Sink) {
    $name = $Cmdlet.MyInvocation.MyCommand.Name
    $key = if ($Changes -and -not $WhatIf) { [guid]::NewGuid().ToString() } else { $null }
    for ($attempt = 1; ; $attempt++) {
        $state = @{ Received = $false; PlanLines = 0; Verbose = @(); Bytes = 0L; Progress = $null; Hash = $null }
        $connection = $null
        $finished = $false
        try {
            $connection = Get-CsVaultConnection $Cmdlet ($attempt -gt 1)
            $connection.Call++
            $request = '{"jsonrpc":"2.0","id":' + $connection.Call + ',"method":"invoke","params":{"cmdlet":"' + $name + '","parameters":' + $Parameters
            if ($WhatIf) { $request += ',"whatIf":true' }
            if ($key) { $request += ',"idempotencyKey":"' + $key + '"' }
            if ($null -ne $Source) { $request += ',"input":true' }
            Send-CsVaultJson $connection ($request + '}}')
            $answer = $null
            if ($null -ne $Source) { $answer = Send-CsVaultSource $Cmdlet $connection $Source $state }
            while ($null -eq $answer) {
                Receive-CsVaultFrame $connection
                $answer = Read-CsVaultFrame $Cmdlet $connection $Sink $state
            }
            $finished = $true
        } catch [System.IO.IOException], [System.Management.Automation.MethodInvocationException] {
            # What changes something carries a key, so it is done once, however often it is asked for. What reads is asked again when nothing was seen yet.
            Assert-CsVaultLoss $Cmdlet $_ ($attempt -eq 1 -and -not $state.Received -and ($key -or -not $Changes))
        } finally {
            if ($null -ne $state.Progress) { Complete-CsVaultProgress $Cmdlet $state }
            # A connection in the middle of a call is closed, which cancels the call.
            if ($null -ne $connection) { if ($finished) { Save-CsVaultConnection $connection } else { $connection.Pipe.Dispose() } }
        }
        if ($finished) { break }
        if ($null -ne $Source) { $Source.Position = 0 }
    }
    if ($answer.error) { Stop-CsVaultCmdlet $Cmdlet $answer.error.data }
    $result = $answer.result
    if ($null -ne $Sink) { Assert-CsVaultBytes $Cmdlet $result $state }
    return @{ Version = $result.version; PlanLines = $state.PlanLines; Verbose = $state.Verbose }
}

# Ends the cmdlet unless the error is a lost connection and the call may be made again.
function Assert-CsVaultLoss($Cmdlet, $ErrorRecord, [bool] $Again) {
    $reason = Get-CsVaultReason $ErrorRecord
    if ($reason -is [System.Management.Automation.PipelineStoppedException]) { throw $reason }
    if (-not ($reason -is [System.IO.IOException] -or $reason -is [System.ObjectDisposedException] -or $reason -is [System.Net.Sockets.SocketException])) {
        $Cmdlet.ThrowTerminatingError($ErrorRecord)
    }
    if (-not $Again) {
        $name = $Cmdlet.MyInvocation.MyCommand.Name
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport HostLost "The service went away during $name`: $($reason.Message)." Cmdlet $name)
    }
    $Cmdlet.WriteVerbose('The connection was lost before an answer came; asking once more.')
}

# What came is what was sent: as many bytes, with the same hash.
function Assert-CsVaultBytes($Cmdlet, $Result, $State) {
    $hash = if ($null -ne $State.Hash) { ([System.BitConverter]::ToString($State.Hash.GetHashAndReset()) -replace '-').ToLowerInvariant() } else { '' }
    if ([long] $Result.bytes -ne $State.Bytes -or ($State.Bytes -gt 0 -and $hash -ne $Result.sha256)) {
        $name = $Cmdlet.MyInvocation.MyCommand.Name
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport HostLost "The bytes of $name did not arrive whole." Cmdlet $name)
    }
}

# Handles the frame that came; returns the message when it is the answer.
function Read-CsVaultFrame($Cmdlet, $Connection, $Sink, $State) {
    if ($Connection.Kind -eq 66) {
        $State.Received = $true
        if ($null -eq $Sink) { return $null }
        if ($null -eq $State.Hash) { $State.Hash = [System.Security.Cryptography.IncrementalHash]::CreateHash([System.Security.Cryptography.HashAlgorithmName]::SHA256) }
        $State.Hash.AppendData($Connection.Buffer, $Connection.Offset + 8, $Connection.Length - 8)
        $State.Bytes += $Connection.Length - 8
        try {
            $Sink.Write($Connection.Buffer, $Connection.Offset + 8, $Connection.Length - 8)
        } catch {
            Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileWriteFailed "The file cannot be written: $((Get-CsVaultReason $_).Message)" File "$($Sink.Name)")
        }
        return $null
    }
    $message = Get-CsVaultMessage $Connection
    if ($message.id) { return $message }
    $record = $message.params
    if ($message.method -ne 'record') {
        if ($message.method -eq 'ack') { $State.Credits += $record.chunks }
        return $null
    }
    switch ($record.stream) {
        'object' {
            $State.Received = $true
            $convert = $script:CsVaultConverters[$record.type]
            foreach ($value in $record.values) {
                $Cmdlet.WriteObject($(if ($convert) { & $convert $value } else { $value }))
            }
        }
        'verbose' { $State.Verbose += $record.text; $Cmdlet.WriteVerbose($record.text) }
        'warning' { $Cmdlet.WriteWarning($record.text) }
        'debug' { $Cmdlet.WriteDebug($record.text) }
        'progress' { Write-CsVaultProgress $Cmdlet $State $record }
        'whatIf' {
            $State.PlanLines++
            $null = $Cmdlet.ShouldProcess($record.target, $record.action)
        }
        'error' {
            $State.Received = $true
            $Cmdlet.WriteError((ConvertTo-CsVaultErrorRecord $record.error))
        }
    }
    return $null
}

# Sends a stream in chunks, no more of them ahead than the service takes; returns the answer when it comes early.
function Send-CsVaultSource($Cmdlet, $Connection, $Source, $State) {
    $State.Credits = 16
    $frame = [byte[]]::new(13 + 262144)
    while ($true) {
        try {
            $length = $Source.Read($frame, 13, 262144)
        } catch {
            Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileReadFailed "The file cannot be read: $((Get-CsVaultReason $_).Message)" File "$($Source.Name)")
        }
        if ($length -eq 0) { break }
        while ($State.Credits -lt 1) {
            Receive-CsVaultFrame $Connection
            $answer = Read-CsVaultFrame $Cmdlet $Connection $null $State
            if ($null -ne $answer) { return $answer }
        }
        $State.Credits--
        Send-CsVaultChunk $Connection $frame $length
    }
    Send-CsVaultJson $Connection ('{"jsonrpc":"2.0","method":"endInput","params":{"call":' + $Connection.Call + '}}')
    return $null
}

function Write-CsVaultProgress($Cmdlet, $State, $Record) {
    if ($null -ne $State.Progress -and $State.Progress.Elapsed.TotalMilliseconds -lt 100) { return }
    $State.Progress = [System.Diagnostics.Stopwatch]::StartNew()
    $State.Activity = $Record.activity
    $progress = [System.Management.Automation.ProgressRecord]::new(1, $Record.activity, $Record.status)
    if ($null -ne $Record.percent) { $progress.PercentComplete = $Record.percent }
    $Cmdlet.WriteProgress($progress)
}

function Complete-CsVaultProgress($Cmdlet, $State) {
    $progress = [System.Management.Automation.ProgressRecord]::new(1, $State.Activity, 'Done')
    $progress.RecordType = [System.Management.Automation.ProgressRecordType]::Completed
    try { $Cmdlet.WriteProgress($progress) } catch [System.Management.Automation.PipelineStoppedException] { Write-Debug 'stopped' }
}
