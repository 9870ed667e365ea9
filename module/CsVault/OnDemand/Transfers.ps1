# What the cmdlets share. The rules are the service's; here are files, bytes, and the questions to the user.

# A package into a file, or as one array of bytes.
function script:Invoke-CsVaultDownload($Cmdlet, [string] $Name, $Bound, [string[]] $Sent) {
    if (-not $Bound.ContainsKey('FileName')) {
        if (-not $Bound['AsBytes']) { Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport ParameterInvalid "$Name needs -FileName or -AsBytes." Parameter AsBytes) }
        $bytes = [System.IO.MemoryStream]::new()
        $null = Invoke-CsVaultCall $Cmdlet $Name $Bound $Sent $false $false $null $bytes
        $Cmdlet.WriteObject($bytes.ToArray(), $false)
        return
    }
    $file = New-CsVaultFile $Cmdlet $Bound['FileName'] ($Bound.ContainsKey('Force') -and $Bound['Force'])
    try {
        $null = Invoke-CsVaultCall $Cmdlet $Name $Bound $Sent $false $false $null $file.Stream
        Complete-CsVaultFile $Cmdlet $file
    } finally {
        Remove-CsVaultFile $file
    }
}

# Objects, or with -AsXml the document itself.
function script:Invoke-CsVaultXmlQuery($Cmdlet, [string] $Name, $Bound, [string[]] $Sent) {
    if (-not ($Bound.ContainsKey('AsXml') -and $Bound['AsXml'])) {
        $null = Invoke-CsVaultCall $Cmdlet $Name $Bound $Sent $false $false $null $null
        return
    }
    $bytes = [System.IO.MemoryStream]::new()
    $null = Invoke-CsVaultCall $Cmdlet $Name $Bound $Sent $false $false $null $bytes
    $bytes.Position = 0
    $Cmdlet.WriteObject([System.Xml.Linq.XElement]::Load($bytes, [System.Xml.Linq.LoadOptions]::PreserveWhitespace))
}

# A file, an XML element or bytes go to the service.
function script:Invoke-CsVaultUpload($Cmdlet, [string] $Name, $Bound, [string[]] $Sent, $Bytes) {
    $force = $Bound.ContainsKey('Force') -and $Bound['Force']
    $source = $null
    $from = 'the given bytes'
    if ($Bound.ContainsKey('FileName')) {
        $source = Open-CsVaultFile $Cmdlet $Bound['FileName']
        $from = $source.Name
    } elseif ($Bound.ContainsKey('Document')) {
        $text = $Bound['Document'].ToString([System.Xml.Linq.SaveOptions]::DisableFormatting)
        $source = [System.IO.MemoryStream]::new([System.Text.Encoding]::UTF8.GetBytes($text))
        $from = 'the given document'
    } elseif ($null -ne $Bytes -and -not $Bound.ContainsKey('FinalizeUninstall')) {
        if ($Bytes.Length -eq 0 -and $Cmdlet.MyInvocation.ExpectingInput) {
            Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport ParameterInvalid 'No bytes came through the pipeline.' Parameter ByteInput "Pipe a byte array as one object: ,`$x | $Name. A file goes to -FileName.")
        }
        $source = $Bytes
        $source.Position = 0
    }
    $report = $null
    try {
        $whatIf = [bool] $WhatIfPreference
        $store = if ($Bound.ContainsKey('LocalStore') -and $Bound['LocalStore']) { 'local store' } else { 'Central Management store' }
        $action = if ($Cmdlet.MyInvocation.MyCommand.Verb -eq 'Publish') { 'Publish the topology of' } else { 'Import' }
        if (-not $whatIf -and -not (Test-CsVaultConsent $Cmdlet $store "$action $from")) { return }
        # Both files can be written, before either is.
        if (-not $whatIf -and $Bound.ContainsKey('Report')) { $report = New-CsVaultFile $Cmdlet $Bound['Report'] $force }
        if (-not $whatIf -and $Bound.ContainsKey('BackupFileName')) { Save-CsVaultTopology $Cmdlet $Bound['BackupFileName'] $force $report }
        $result = Invoke-CsVaultCall $Cmdlet $Name $Bound $Sent $whatIf $true $source $null
        if ($whatIf) { Write-CsVaultEmptyPlan $Cmdlet $result }
        if ($null -ne $report) { Write-CsVaultReport $Cmdlet $report $from $store $result }
    } finally {
        if ($null -ne $source) { $source.Dispose() }
        if ($null -ne $report) { Remove-CsVaultFile $report }
    }
}

# The topology as it is, before another one takes its place.
function script:Save-CsVaultTopology($Cmdlet, [string] $Path, [bool] $Force, $Report) {
    $file = New-CsVaultFile $Cmdlet $Path $Force
    try {
        if ($null -ne $Report -and $Report.Path -eq $file.Path) {
            Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport ParameterInvalid "Backup and report would be one file, '$Path'." Parameter BackupFileName 'Give them different names; nothing was changed.')
        }
        $null = Invoke-CsVaultCall $Cmdlet 'Get-CsTopology' @{ AsXml = $true } @('AsXml') $false $false $null $file.Stream
        Complete-CsVaultFile $Cmdlet $file
    } finally {
        Remove-CsVaultFile $file
    }
}

# A page about what was done.
function script:Write-CsVaultReport($Cmdlet, $File, [string] $From, [string] $Store, $Result) {
    $escape = { param($text) [System.Security.SecurityElement]::Escape("$text") }
    $name = $Cmdlet.MyInvocation.MyCommand.Name
    $version = if ($null -ne $Result.Version) { "New version $($Result.Version) of the $Store." } else { 'Nothing was changed.' }
    $lines = foreach ($line in $Result.Verbose) { "<li>$(& $escape $line)</li>" }
    $page = "<!DOCTYPE html><html><head><meta charset=`"utf-8`"><title>$name</title></head><body><h1>$name</h1><p>$([DateTime]::UtcNow.ToString('u'))</p><p>$(& $escape $From)</p><p>$(& $escape $version)</p><ul>$($lines -join '')</ul></body></html>"
    $bytes = [System.Text.Encoding]::UTF8.GetBytes($page)
    $File.Stream.Write($bytes, 0, $bytes.Length)
    Complete-CsVaultFile $Cmdlet $File
}
