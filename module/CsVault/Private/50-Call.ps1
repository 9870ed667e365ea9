# One call: the request, bytes in both directions, records as they come, the answer.

# The preferences of the script that calls a cmdlet, which a function of a module does not see by itself and a compiled cmdlet does. What to
# do with an error is decided in the cmdlet's own scope, and what is asked and shown in it too: this is run there, before its work. A
# cmdlet that only reads takes ErrorActionPreference itself, and the rest is taken in Invoke-CsVaultCall.
$script:CsVaultCallersPreferences = {
    param($Cmdlet, $Bound)
    if (-not $Bound.ContainsKey('ErrorAction')) { $ErrorActionPreference = $Cmdlet.GetVariableValue('ErrorActionPreference') }
    if (-not $Bound.ContainsKey('WarningAction')) { $WarningPreference = $Cmdlet.GetVariableValue('WarningPreference') }
    if (-not $Bound.ContainsKey('Verbose')) { $VerbosePreference = $Cmdlet.GetVariableValue('VerbosePreference') }
    if (-not $Bound.ContainsKey('Debug')) { $DebugPreference = $Cmdlet.GetVariableValue('DebugPreference') }
    if (-not $Bound.ContainsKey('WhatIf')) { $WhatIfPreference = $Cmdlet.GetVariableValue('WhatIfPreference') }
    if (-not $Bound.ContainsKey('Confirm')) { $ConfirmPreference = $Cmdlet.GetVariableValue('ConfirmPreference') }
    if (-not $Bound.ContainsKey('ProgressAction')) { $ProgressPreference = $Cmdlet.GetVariableValue('ProgressPreference') }
}

# Runs the cmdlet of that name (its function may have a prefix here). $Sent are the parameters of the caller that go to the service. $Source is
# a stream of bytes to send, $Sink one for bytes that come; both may be $null. Returns the result with the number of lines of its plan in
# PlanLines; a $Quiet plan is only returned.
function Invoke-CsVaultCall($Cmdlet, [string] $Name, $Bound, $Sent, [bool] $WhatIf, [bool] $Changes, $Source, $Sink, [bool] $Quiet) {
    $given = $Cmdlet.MyInvocation.BoundParameters
    if (-not $given.ContainsKey('WarningAction')) { $WarningPreference = $Cmdlet.GetVariableValue('WarningPreference') }
    if (-not $given.ContainsKey('Verbose')) { $VerbosePreference = $Cmdlet.GetVariableValue('VerbosePreference') }
    if (-not $given.ContainsKey('Debug')) { $DebugPreference = $Cmdlet.GetVariableValue('DebugPreference') }
    $pairs = foreach ($parameter in $Sent) {
        if (-not $Bound.ContainsKey($parameter)) { continue }
        $value = $Bound[$parameter]
        # Most are plain words; the rest has its own file.
        if ($value -is [string] -and $value -cmatch '^[A-Za-z0-9_ .:/*@=,-]*\z') { '"', $parameter, '":"', $value, '"' -join '' }
        else { '"', $parameter, '":', (ConvertTo-CsVaultJson $value) -join '' }
    }
    $parameters = '{', ($pairs -join ','), '}' -join ''
    $key = if ($Changes -and -not $WhatIf) { [guid]::NewGuid().ToString() } else { $null }
    $losses = 0
    for ($attempt = 1; ; $attempt++) {
        $state = @{ Source = $Source; Credits = 16; Received = $false; PlanLines = 0; Plan = @(); Quiet = $Quiet; Verbose = @(); Bytes = 0L; Progress = $null; Hash = $null; File = $Bound['FileName'] }
        $connection = $null
        $finished = $false
        try {
            $connection = Get-CsVaultConnection $Cmdlet ($attempt -gt 1)
            $connection['Call']++
            $request = '{"jsonrpc":"2.0","id":', $connection['Call'], ',"method":"invoke","params":{"cmdlet":"', $Name, '","parameters":', $parameters -join ''
            if ($WhatIf) { $request += ',"whatIf":true' }
            if ($key) { $request += ',"idempotencyKey":"' + $key + '"' }
            if ($Source -is [object]) { $request += ',"input":true' }
            if ($request.Length -gt 300000) { Assert-CsVaultSize $Cmdlet $request }
            Send-CsVaultJson $connection "$request}}"
            $answer = $null
            while ($answer -isnot [object]) {
                if ($state['Source'] -is [object] -and $state['Credits'] -gt 0) { Send-CsVaultSource $Cmdlet $connection $state }
                $message = Receive-CsVaultFrame $connection
                if ($message -isnot [object]) {
                    Write-CsVaultMessage $Cmdlet $connection $null $Sink $state
                    continue
                }
                $record = $message['params']
                # An error without an id is the answer to a request that could not be read.
                if ($message['id'] -or $message['error']) {
                    $answer = $message
                } elseif ($record -is [object] -and $record['stream'] -eq 'object') {
                    $state['Received'] = $true
                    $convert = $script:CsVaultConverters[$record['type']]
                    if ($convert -is [string]) {
                        Read-CsVaultPart "$script:CsVaultFolder/Generated/$convert.ps1"
                        $convert = $script:CsVaultConverters[$record['type']]
                    }
                    if ($convert -isnot [object]) { $Cmdlet.WriteObject($record['values'], $true) } else { $Cmdlet.WriteObject(@(& $convert $record['values']), $true) }
                } else {
                    Write-CsVaultMessage $Cmdlet $connection $message $Sink $state
                }
            }
            $finished = $true
        } catch [System.IO.IOException], [System.Management.Automation.MethodInvocationException] {
            # A service that is ending still takes connections, and says no more hello: for two seconds that counts for nothing.
            $losses++
            if ($connection -isnot [object] -and $losses -lt 100 -and (Get-CsVaultReason $_) -is [System.IO.IOException]) {
                [System.Threading.Thread]::Sleep(20)
                $attempt--
                continue
            }
            # What changes something carries a key, so it is done once, however often it is asked for. What reads is asked again when nothing was seen yet.
            Assert-CsVaultLoss $Cmdlet $_ ($attempt -eq 1 -and -not $state['Received'] -and ($key -or -not $Changes))
        } finally {
            if ($state['Progress'] -is [object]) { Complete-CsVaultProgress $Cmdlet $state }
            # A connection in the middle of a call is closed, which cancels the call.
            if ($connection -is [object]) {
                if ($finished) { Set-CsVaultIdle $connection } else { $connection['Pipe'].Dispose() }
            }
        }
        if ($finished) { break }
        if ($Source -is [object]) { $Source.Position = 0 }
    }
    if ($answer['error']) { Stop-CsVaultCall $Cmdlet $answer['error']['data'] $Source }
    $result = $answer['result']
    if ($Sink -is [object]) { Assert-CsVaultBytes $Cmdlet $result $state }
    return @{ Version = $result['version']; PlanLines = $state['PlanLines']; Plan = $state['Plan']; Verbose = $state['Verbose'] }
}
