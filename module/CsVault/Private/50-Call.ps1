# One call: the request, bytes in both directions, records as they come, the answer.

# Run in each cmdlet's own scope, before its work: the preferences of the script that calls it, which a function of a module does not see
# by itself and a compiled cmdlet does. Those that what only reads can need:
$script:CsVaultQueryPreferences = {
    param($Cmdlet, $Bound)
    $caller = $Cmdlet.SessionState.PSVariable
    if (-not $Bound.ContainsKey('ErrorAction')) { $ErrorActionPreference = $caller.GetValue('ErrorActionPreference') }
    if (-not $Bound.ContainsKey('WarningAction')) { $WarningPreference = $caller.GetValue('WarningPreference') }
    if (-not $Bound.ContainsKey('Verbose')) { $VerbosePreference = $caller.GetValue('VerbosePreference') }
    if (-not $Bound.ContainsKey('Debug')) { $DebugPreference = $caller.GetValue('DebugPreference') }
}

# The same for what changes something or moves bytes, which asks and shows how far it is.
$script:CsVaultCallersPreferences = {
    param($Cmdlet, $Bound)
    . $script:CsVaultQueryPreferences $Cmdlet $Bound
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

# Hands on what came: objects, bytes ($Message is $null), and what the service says.
function Write-CsVaultMessage($Cmdlet, $Connection, $Message, $Sink, $State) {
    $record = $Message.params
    if ($record.stream -eq 'object') {
        $State.Received = $true
        $convert = $script:CsVaultConverters[$record.type]
        if ($convert -is [string]) {
            . "$script:CsVaultFolder/Generated/$convert.ps1"
            $convert = $script:CsVaultConverters[$record.type]
        }
        if ($null -eq $convert) { $Cmdlet.WriteObject($record.values, $true) } else { $Cmdlet.WriteObject(@(& $convert $record.values), $true) }
    } elseif ($null -eq $Message) {
        $State.Received = $true
        Write-CsVaultChunk $Cmdlet $Connection $Sink $State
    } elseif ($Message.method -eq 'ack') {
        $State.Credits += $record.chunks
    } else {
        Write-CsVaultRecord $Cmdlet $record $State
    }
}
