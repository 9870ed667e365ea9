# What else than objects travels in a call: bytes in both directions, what the service says meanwhile, and a connection that is lost.

# A chunk of bytes; $Frame has room for 13 bytes in front of them.
function script:Send-CsVaultChunk($Connection, [byte[]] $Frame, [int] $Length) {
    [System.Buffer]::BlockCopy([System.BitConverter]::GetBytes([int] ($Length + 8)), 0, $Frame, 0, 4)
    $Frame[4] = 66
    [System.Buffer]::BlockCopy([System.BitConverter]::GetBytes([long] $Connection.Call), 0, $Frame, 5, 8)
    $task = $Connection.Pipe.WriteAsync($Frame, 0, $Length + 13)
    while (-not $task.Wait(250)) { }
}

# Room for a frame behind what is there already of it.
function script:Expand-CsVaultBuffer($Connection, [int] $Need) {
    $c = $Connection
    $have = $c.End - $c.Start
    $buffer = $c.Buffer
    if ($Need -gt $buffer.Length) { $buffer = [byte[]]::new($Need + 65536) }
    [System.Buffer]::BlockCopy($c.Buffer, $c.Start, $buffer, 0, $have)
    $c.Buffer = $buffer
    $c.Start = 0
    $c.End = $have
}

# Sends chunks of the source while the service takes them, and at its end says so.
function script:Send-CsVaultSource($Cmdlet, $Connection, $State) {
    $source = $State.Source
    if ($null -eq $State.Frame) { $State.Frame = [byte[]]::new(13 + 262144) }
    while ($State.Credits -gt 0) {
        try {
            $length = $source.Read($State.Frame, 13, 262144)
        } catch {
            Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileReadFailed "The file cannot be read: $((Get-CsVaultReason $_).Message)" File "$($source.Name)")
        }
        if ($length -eq 0) {
            $State.Source = $null
            Send-CsVaultJson $Connection ('{"jsonrpc":"2.0","method":"endInput","params":{"call":' + $Connection.Call + '}}')
            return
        }
        $State.Credits--
        Send-CsVaultChunk $Connection $State.Frame $length
    }
}

# Bytes ($Message is $null), and what the service says.
function script:Write-CsVaultMessage($Cmdlet, $Connection, $Message, $Sink, $State) {
    if ($null -eq $Message) {
        $State.Received = $true
        Write-CsVaultChunk $Cmdlet $Connection $Sink $State
    } elseif ($Message.method -eq 'ack') {
        $State.Credits += $Message.params.chunks
    } else {
        Write-CsVaultRecord $Cmdlet $Message.params $State
    }
}

function script:Write-CsVaultChunk($Cmdlet, $Connection, $Sink, $State) {
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

# What came is what was sent: as many bytes, with the same hash.
function script:Assert-CsVaultBytes($Cmdlet, $Result, $State) {
    $hash = if ($null -ne $State.Hash) { ([System.BitConverter]::ToString($State.Hash.GetHashAndReset()) -replace '-').ToLowerInvariant() } else { '' }
    if ([long] $Result.bytes -ne $State.Bytes -or ($State.Bytes -gt 0 -and $hash -ne $Result.sha256)) {
        $name = $Cmdlet.MyInvocation.MyCommand.Name
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport HostLost "The bytes of $name did not arrive whole." Cmdlet $name)
    }
}

# Ends the cmdlet with what the service says. What was read from a file names it.
function script:Stop-CsVaultCall($Cmdlet, $Report, $Source) {
    $file = if ($Source -is [System.IO.FileStream]) { $Source.Name } else { $null }
    if ($file -and ($null -eq $Report.target -or $Report.target.kind -in 'Document', 'Entry', 'File')) {
        $name = if ($null -eq $Report.target) { $file } else { "$file, $($Report.target.name)" }
        $Report = [pscustomobject]@{
            id = $Report.id
            category = $Report.category
            message = "'$file': $($Report.message)"
            target = [pscustomobject]@{ kind = 'File'; name = $name }
            recommendedAction = $Report.recommendedAction
        }
    }
    Stop-CsVaultCmdlet $Cmdlet $Report
}

# A request is one frame.
function script:Assert-CsVaultSize($Cmdlet, [string] $Request) {
    # Two braces close it.
    if ([System.Text.Encoding]::UTF8.GetByteCount($Request) + 2 -le 1048576) { return }
    $name = $Cmdlet.MyInvocation.MyCommand.Name
    Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport LimitExceeded "The parameters of $name are more than the 1048576 bytes that a request may have." Cmdlet $name 'Give less at a time; nothing was sent.')
}

# Ends the cmdlet unless the error is a lost connection and the call may be made again.
function script:Assert-CsVaultLoss($Cmdlet, $ErrorRecord, [bool] $Again) {
    $reason = Get-CsVaultReason $ErrorRecord
    if ($reason -is [System.Management.Automation.PipelineStoppedException]) { throw $reason }
    if ($reason -is [System.Text.EncoderFallbackException]) {
        $name = $Cmdlet.MyInvocation.MyCommand.Name
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport ParameterInvalid "A parameter of $name holds half of a character (a lone surrogate), which no text has." Cmdlet $name)
    }
    if (-not ($reason -is [System.IO.IOException] -or $reason -is [System.ObjectDisposedException] -or $reason -is [System.Net.Sockets.SocketException])) {
        $Cmdlet.ThrowTerminatingError($ErrorRecord)
    }
    if (-not $Again) {
        $name = $Cmdlet.MyInvocation.MyCommand.Name
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport HostLost "The service went away during $name`: $($reason.Message)." Cmdlet $name)
    }
    Write-CsVaultVerbose $Cmdlet 'The connection was lost before an answer came; asking once more.'
}

function script:Write-CsVaultRecord($Cmdlet, $Record, $State) {
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
function script:Write-CsVaultVerbose($Cmdlet, [string] $Text) {
    if ($VerbosePreference -ne 'SilentlyContinue') { $Cmdlet.WriteVerbose($Text) }
}

# The same: what asks in the middle of a call makes the service wait.
function script:Write-CsVaultWarning($Cmdlet, [string] $Text) {
    if ($Cmdlet.MyInvocation.BoundParameters.ContainsKey('Debug')) { Microsoft.PowerShell.Utility\Write-Warning $Text } else { $Cmdlet.WriteWarning($Text) }
}

function script:Write-CsVaultProgress($Cmdlet, $State, $Record) {
    if ($null -ne $State.Progress -and $State.Progress.Elapsed.TotalMilliseconds -lt 100) { return }
    $State.Progress = [System.Diagnostics.Stopwatch]::StartNew()
    $State.Activity = $Record.activity
    $progress = [System.Management.Automation.ProgressRecord]::new(1, $Record.activity, $Record.status)
    if ($null -ne $Record.percent) { $progress.PercentComplete = $Record.percent }
    $Cmdlet.WriteProgress($progress)
}

function script:Complete-CsVaultProgress($Cmdlet, $State) {
    $progress = [System.Management.Automation.ProgressRecord]::new(1, $State.Activity, 'Done')
    $progress.RecordType = [System.Management.Automation.ProgressRecordType]::Completed
    try { $Cmdlet.WriteProgress($progress) } catch [System.Management.Automation.PipelineStoppedException] { Microsoft.PowerShell.Utility\Write-Debug 'stopped' }
}
