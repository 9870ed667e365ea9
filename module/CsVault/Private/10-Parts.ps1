# Files of functions that only some calls need, read when the first of them is called.

$script:CsVaultPartsRead = @{}

# A file whose functions did not take the places of those that read it is gone, or of another version of the module.
function Read-CsVaultPart([string] $File) {
    if ($script:CsVaultPartsRead[$File] -or -not [System.IO.File]::Exists($File)) { Stop-CsVaultLostPart $File }
    . $File
    $script:CsVaultPartsRead[$File] = $true
}

function Stop-CsVaultLostPart([string] $File) {
    $text = "A file of the module CsVault is gone or of another version: $File."
    $record = [System.Management.Automation.ErrorRecord]::new([System.IO.FileNotFoundException]::new($text), 'ProtocolMismatch', 'ResourceUnavailable', $File)
    $record.ErrorDetails = [System.Management.Automation.ErrorDetails]::new($text)
    $record.ErrorDetails.RecommendedAction = 'The module was replaced or removed while this prompt was open: open a new one, or import the module again with -Force.'
    # The cmdlet's own, from its scope.
    if ($PSCmdlet) { $PSCmdlet.ThrowTerminatingError($record) }
    throw $record
}
