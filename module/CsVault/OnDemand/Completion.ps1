# Completion of values at the prompt.

. "$PSScriptRoot/../Generated/Completions.ps1"

# Values for a parameter, which another cmdlet returns. Whatever goes wrong, the prompt shows no error.
function script:Complete-CsVault([string] $Command, [string] $Parameter, [string] $Word) {
    try {
        $source, $property = $script:CsVaultCompletions["$Command $Parameter"]
        $prefix = $Word.Trim("'", '"')
        $values = foreach ($object in (& $source -ErrorAction Stop)) {
            foreach ($value in $object.$property) { if ($value.Name) { $value.Name } else { [string] $value } }
        }
        $seen = @{}
        foreach ($value in $values) {
            if ($seen.ContainsKey($value)) { continue }
            $seen[$value] = $true
            if ($value -like "$([System.Management.Automation.WildcardPattern]::Escape($prefix))*") {
                $shown = if ($value -match '\s') { "'$value'" } else { $value }
                [System.Management.Automation.CompletionResult]::new($shown, $value, 'ParameterValue', $value)
            }
        }
    } catch {
        Microsoft.PowerShell.Utility\Write-Debug "no completion: $_"
    }
}

# The cmdlets of this module, to complete their names.
function script:Get-CsVaultCommand { $MyInvocation.MyCommand.Module.ExportedFunctions.Values }
