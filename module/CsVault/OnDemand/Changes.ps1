# Changes: the question to the user, and for those without bytes the plan and the call.

# Whether the user wants it. A question that nobody can answer, as without a terminal, ends the cmdlet: a method that throws only ends
# its own statement, and what follows would be done unasked.
function script:Test-CsVaultConsent($Cmdlet, [string] $Target, [string] $Action) {
    try {
        return $Cmdlet.ShouldProcess($Target, $Action)
    } catch {
        $reason = Get-CsVaultReason $_
        if ($reason -is [System.Management.Automation.PipelineStoppedException]) { throw $reason }
        if ($reason -is [System.Management.Automation.IContainsErrorRecord]) { $Cmdlet.ThrowTerminatingError($reason.ErrorRecord) }
        $Cmdlet.ThrowTerminatingError($_)
    }
}

# The line of a plan that changes nothing. A call that failed has said why, and has none.
function script:Write-CsVaultEmptyPlan($Cmdlet, $Result) {
    $line = "$(@($Result.Verbose)[-1])"
    if ($Result.PlanLines -eq 0 -and $line) { $null = $Cmdlet.ShouldProcess($line, '', '') }
}

# $Each names the parameter that stands for one thing, when each thing is asked about and is a change of its own.
function script:Invoke-CsVaultChange($Cmdlet, [string] $Name, $Bound, [string[]] $Sent, [string] $Action, [string] $Each) {
    if ($WhatIfPreference) {
        $result = Invoke-CsVaultCall $Cmdlet $Name $Bound $Sent $true $true $null $null
        Write-CsVaultEmptyPlan $Cmdlet $result
        return
    }
    if (-not $Each) {
        $target = if ($Bound.ContainsKey('Instance')) { [string] $Bound['Instance'].Identity } elseif ($Bound.ContainsKey('Identity')) { $Bound['Identity'] } else { 'Central Management store' }
        if (Test-CsVaultConsent $Cmdlet $target $Action) { $null = Invoke-CsVaultCall $Cmdlet $Name $Bound $Sent $false $true $null $null }
        return
    }
    # What is not there or may not be changed shows before anything is asked.
    $plan = (Invoke-CsVaultCall $Cmdlet $Name $Bound $Sent $true $true $null $null $true).Plan
    foreach ($line in $plan) {
        if (-not (Test-CsVaultConsent $Cmdlet $line.target $Action)) { continue }
        $one = @{ $Each = $line.target }
        if ($Bound.ContainsKey('Force')) { $one['Force'] = $Bound['Force'] }
        $null = Invoke-CsVaultCall $Cmdlet $Name $one $Sent $false $true $null $null
    }
}
