# The cmdlets of this module, to complete their names.
function Get-CsVaultCommand { $MyInvocation.MyCommand.Module.ExportedFunctions.Values }
