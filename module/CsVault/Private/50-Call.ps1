# One call: the request, bytes in both directions, records as they come, the answer.

# Run in each cmdlet's own scope, before its work: the preferences of the script that calls it, which a function of a module does not see
# by itself and a compiled cmdlet does.
$script:CsVaultCallersPreferences = {
    param($Cmdlet, $Bound)
    $caller = $Cmdlet.SessionState.PSVariable
    if (-not $Bound.ContainsKey('ErrorAction')) { $ErrorActionPreference = $caller.GetValue('ErrorActionPreference') }
    if (-not $Bound.ContainsKey('WarningAction')) { $WarningPreference = $caller.GetValue('WarningPreference') }
    if (-not $Bound.ContainsKey('Verbose')) { $VerbosePreference = $caller.GetValue('VerbosePreference') }
    if (-not $Bound.ContainsKey('Debug')) { $DebugPreference = $caller.GetValue('DebugPreference') }
    if (-not $Bound.ContainsKey('WhatIf')) { $WhatIfPreference = $caller.GetValue('WhatIfPreference') }
    if (-not $Bound.ContainsKey('Confirm')) { $ConfirmPreference = $caller.GetValue('ConfirmPreference') }
    if (-not $Bound.ContainsKey('ProgressAction')) { $ProgressPreference = $caller.GetValue('ProgressPreference') }
}

# Runs the cmdlet of that name (its function may have a prefix here). $Sent are the parameters of the caller that go to the service. $Source is
# a stream of bytes to send, $Sink one for bytes that come; both may be $null. Returns the result with the number of lines of its plan in
# PlanLines; a $Quiet plan is only returned.
function Invoke-CsVaultCall($Cmdlet, [string] $Name, $Bound, $Sent, [bool] $WhatIf, [bool] $Changes, $Source, $Sink, [bool] $Quiet) {
    $pairs = foreach ($parameter in $Sent) {
        if (-not $Bound.ContainsKey($parameter)) { continue }
        $value = $Bound[$parameter]
        # Most are plain words; the rest has its own file.
        if ($value -is [string] -and $value -cmatch '^[A-Za-z0-9_ .:/*@=,-]*\z') { '"' + $parameter + '":"' + $value + '"' }
        else { '"' + $parameter + '":' + (ConvertTo-CsVaultJson $value) }
    }
    $parameters = '{' + ($pairs -join ',') + '}'
    $key = if ($Changes -and -not $WhatIf) { [guid]::NewGuid().ToString() } else { $null }
    for ($attempt = 1; ; $attempt++) {
        $state = @{ Received = $false; PlanLines = 0; Plan = @(); Quiet = $Quiet; Verbose = @(); Bytes = 0L; Progress = $null; Hash = $null; File = $Bound['FileName'] }
        $connection = $null
        $finished = $false
        try {
            $connection = Get-CsVaultConnection $Cmdlet ($attempt -gt 1)
            $connection.Call++
            $request = '{"jsonrpc":"2.0","id":' + $connection.Call + ',"method":"invoke","params":{"cmdlet":"' + $Name + '","parameters":' + $parameters
            if ($WhatIf) { $request += ',"whatIf":true' }
            if ($key) { $request += ',"idempotencyKey":"' + $key + '"' }
            if ($null -ne $Source) { $request += ',"input":true' }
            Send-CsVaultJson $connection ($request + '}}')
            $answer = $null
            if ($null -ne $Source) { $answer = Send-CsVaultSource $Cmdlet $connection $Source $state }
            while ($null -eq $answer) {
                $message = Receive-CsVaultFrame $connection
                if ($message.id) { $answer = $message }
                else { Write-CsVaultMessage $Cmdlet $connection $message $Sink $state }
            }
            $finished = $true
        } catch [System.IO.IOException], [System.Management.Automation.MethodInvocationException] {
            # What changes something carries a key, so it is done once, however often it is asked for. What reads is asked again when nothing was seen yet.
            Assert-CsVaultLoss $Cmdlet $_ ($attempt -eq 1 -and -not $state.Received -and ($key -or -not $Changes))
        } finally {
            if ($null -ne $state.Progress) { Complete-CsVaultProgress $Cmdlet $state }
            # A connection in the middle of a call is closed, which cancels the call.
            if ($null -ne $connection) {
                if ($finished) { Set-CsVaultIdle $connection } else { $connection.Pipe.Dispose() }
            }
        }
        if ($finished) { break }
        if ($null -ne $Source) { $Source.Position = 0 }
    }
    if ($answer.error) { Stop-CsVaultCmdlet $Cmdlet $answer.error.data }
    $result = $answer.result
    if ($null -ne $Sink) { Assert-CsVaultBytes $Cmdlet $result $state }
    return @{ Version = $result.version; PlanLines = $state.PlanLines; Plan = $state.Plan; Verbose = $state.Verbose }
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
    Write-CsVaultVerbose $Cmdlet 'The connection was lost before an answer came; asking once more.'
}

# What came is what was sent: as many bytes, with the same hash.
function Assert-CsVaultBytes($Cmdlet, $Result, $State) {
    $hash = if ($null -ne $State.Hash) { ([System.BitConverter]::ToString($State.Hash.GetHashAndReset()) -replace '-').ToLowerInvariant() } else { '' }
    if ([long] $Result.bytes -ne $State.Bytes -or ($State.Bytes -gt 0 -and $hash -ne $Result.sha256)) {
        $name = $Cmdlet.MyInvocation.MyCommand.Name
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport HostLost "The bytes of $name did not arrive whole." Cmdlet $name)
    }
}

# Hands on what came: objects, bytes ($Message is $null), and what the service says.
function Write-CsVaultMessage($Cmdlet, $Connection, $Message, $Sink, $State) {
    $record = $Message.params
    if ($record.stream -eq 'object') {
        $State.Received = $true
        $convert = $script:CsVaultConverters[$record.type]
        foreach ($object in $(if ($convert) { & $convert $record.values } else { $record.values })) { $Cmdlet.WriteObject($object) }
    } elseif ($null -eq $Message) {
        $State.Received = $true
        Write-CsVaultChunk $Cmdlet $Connection $Sink $State
    } elseif ($Message.method -eq 'ack') {
        $State.Credits += $record.chunks
    } else {
        Write-CsVaultRecord $Cmdlet $record $State
    }
}

function Write-CsVaultChunk($Cmdlet, $Connection, $Sink, $State) {
    if ($null -eq $Sink) { return }
    if ($null -eq $State.Hash) { $State.Hash = [System.Security.Cryptography.IncrementalHash]::CreateHash([System.Security.Cryptography.HashAlgorithmName]::SHA256) }
    $State.Hash.AppendData($Connection.Buffer, $Connection.Offset + 8, $Connection.Length - 8)
    $State.Bytes += $Connection.Length - 8
    try {
        $Sink.Write($Connection.Buffer, $Connection.Offset + 8, $Connection.Length - 8)
    } catch {
        # Without the name that .NET adds, which is the temporary one.
        $why = (Get-CsVaultReason $_).Message -replace " : '[^']*'\z"
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileWriteFailed "The file '$($State.File)' cannot be written: $why." File $State.File)
    }
}

function Write-CsVaultRecord($Cmdlet, $Record, $State) {
    switch ($Record.stream) {
        'verbose' { $State.Verbose += $Record.text; Write-CsVaultVerbose $Cmdlet $Record.text }
        'warning' { Write-CsVaultWarning $Cmdlet $Record.text }
        'debug' { $Cmdlet.WriteDebug($Record.text) }
        'progress' { Write-CsVaultProgress $Cmdlet $State $Record }
        'whatIf' {
            $State.PlanLines++
            $State.Plan += $Record
            if ($State.Quiet) { return }
            $null = $Cmdlet.ShouldProcess($Record.target, $Record.action)
        }
        'error' {
            $State.Received = $true
            $Cmdlet.WriteError((ConvertTo-CsVaultErrorRecord $Record.error))
        }
    }
}

# Only where it is wanted: with -Debug alone PowerShell would stop at each line and ask.
function Write-CsVaultVerbose($Cmdlet, [string] $Text) {
    if ($VerbosePreference -ne 'SilentlyContinue') { $Cmdlet.WriteVerbose($Text) }
}

# The same: what asks in the middle of a call makes the service wait.
function Write-CsVaultWarning($Cmdlet, [string] $Text) {
    if ($Cmdlet.MyInvocation.BoundParameters.ContainsKey('Debug')) { Write-Warning $Text } else { $Cmdlet.WriteWarning($Text) }
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
            $message = Receive-CsVaultFrame $Connection
            if ($message.id) { return $message }
            Write-CsVaultMessage $Cmdlet $Connection $message $null $State
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
