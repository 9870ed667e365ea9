# Errors: what travels as a report becomes an ErrorRecord with a stable id, a category, a target and the next step.

. "$PSScriptRoot/../Generated/Errors.ps1"

# Characters that are not seen, or change how what is around them is shown.
$script:CsVaultHidden = '[\p{Cc}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]'

function script:New-CsVaultReport([string] $Id, [string] $Message, [string] $Kind, [string] $Name, [string] $Hint) {
    $known = $script:CsVaultErrors[$Id]
    # Names of files can hold what a terminal would act on or not show.
    $Message = [regex]::Replace($Message, $script:CsVaultHidden, { '\u{' + ([int] $args[0].Value[0]).ToString('x') + '}' })
    [pscustomobject]@{
        id = $Id
        category = $known[0]
        message = $Message
        target = $(if ($Name) { [pscustomobject]@{ kind = $Kind; name = $Name } })
        recommendedAction = $(if ($Hint) { $Hint } else { $known[2] })
    }
}

function script:ConvertTo-CsVaultErrorRecord($Report) {
    $known = $script:CsVaultErrors[$Report.id]
    $type = [System.Management.Automation.PSTypeName]::new($(if ($known) { $known[1] } else { 'System.InvalidOperationException' })).Type
    $exception = $type::new($Report.message)
    $target = $null
    if ($null -ne $Report.target) { $target = $Report.target.name }
    $record = [System.Management.Automation.ErrorRecord]::new($exception, $Report.id, $Report.category, $target)
    $record.ErrorDetails = [System.Management.Automation.ErrorDetails]::new($Report.message)
    $record.ErrorDetails.RecommendedAction = $Report.recommendedAction
    return $record
}

# Ends the caller's cmdlet with an error at the user's own line.
function script:Stop-CsVaultCmdlet($Cmdlet, $Report) {
    $Cmdlet.ThrowTerminatingError((ConvertTo-CsVaultErrorRecord $Report))
}

# The sentence inside the wrappers that PowerShell and tasks put around an exception.
function script:Get-CsVaultReason($ErrorRecord) {
    $exception = $ErrorRecord.Exception
    while (($exception -is [System.AggregateException] -or $exception -is [System.Management.Automation.MethodInvocationException]) -and $exception.InnerException) {
        $exception = $exception.InnerException
    }
    return $exception
}
