# Files are the caller's: they are read and written here, with the caller's own rights, and never by the service.

# The path in the file system that a parameter means, by PowerShell's own rules.
function Resolve-CsVaultPath($Cmdlet, [string] $Path) {
    $provider = $null
    $drive = $null
    try {
        $full = $Cmdlet.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path, [ref] $provider, [ref] $drive)
    } catch {
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotFound "The path '$Path' is not valid: $((Get-CsVaultReason $_).Message)" File $Path)
    }
    if ($provider.Name -ne 'FileSystem') {
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotRegular "The path '$Path' is not in the file system." File $Path)
    }
    return $full
}

# 'File', 'Folder', 'Other' (a device, a pipe), or '' when nothing is there. Links are followed.
function Get-CsVaultFileKind([string] $Path) {
    if ([System.IO.Directory]::Exists($Path)) { return 'Folder' }
    if (-not [System.IO.File]::Exists($Path)) { return '' }
    if (-not $script:CsVaultOnWindows) {
        $target = [System.IO.File]::ResolveLinkTarget($Path, $true)
        $stat = Get-CsVaultUnixStat $(if ($null -ne $target) { $target.FullName } else { $Path })
        if ($null -ne $stat -and "$($stat.ItemType)" -ne 'File') { return 'Other' }
    }
    return 'File'
}

# Opens a file to read it.
function Open-CsVaultFile($Cmdlet, [string] $Path) {
    $full = Resolve-CsVaultPath $Cmdlet $Path
    switch (Get-CsVaultFileKind $full) {
        '' { Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotFound "The file '$full' does not exist." File $full) }
        'Folder' { Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotRegular "'$full' is a folder." File $full) }
        'Other' { Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotRegular "'$full' is a device or a pipe." File $full) }
    }
    try {
        return [System.IO.FileStream]::new($full, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, [System.IO.FileShare]::Read)
    } catch {
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileReadFailed "The file '$full' cannot be read: $((Get-CsVaultReason $_).Message)" File $full)
    }
}

# A file on its way: written under another name in the same folder, so that its own name never shows half a file.
function New-CsVaultFile($Cmdlet, [string] $Path, [bool] $Force) {
    $full = Resolve-CsVaultPath $Cmdlet $Path
    $kind = Get-CsVaultFileKind $full
    if ($kind -eq 'Folder') { Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotRegular "'$full' is a folder." File $full) }
    if ($kind -eq 'Other') { Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotRegular "'$full' is a device or a pipe." File $full) }
    if ($kind -and -not $Force) { Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileExists "The file '$full' exists already." File $full) }
    if ($kind -and -not $script:CsVaultOnWindows) {
        # A link stays a link: what it points to is replaced.
        $target = [System.IO.File]::ResolveLinkTarget($full, $true)
        if ($null -ne $target) { $full = $target.FullName }
    }
    $folder = [System.IO.Path]::GetDirectoryName($full)
    if (-not [System.IO.Directory]::Exists($folder)) {
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotFound "The folder '$folder' does not exist." File $full)
    }
    $temporary = [System.IO.Path]::Combine($folder, ".$([System.IO.Path]::GetFileName($full)).$([guid]::NewGuid().ToString('N').Substring(0, 8)).tmp")
    try {
        $stream = [System.IO.FileStream]::new($temporary, [System.IO.FileMode]::CreateNew, [System.IO.FileAccess]::Write, [System.IO.FileShare]::None, 4096)
    } catch {
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileWriteFailed "The file '$full' cannot be written: $((Get-CsVaultReason $_).Message)" File $full)
    }
    return @{ Path = $full; Temporary = $temporary; Stream = $stream; Force = $Force }
}

# Gives the file its name, once everything is on the disk.
function Complete-CsVaultFile($Cmdlet, $File) {
    try {
        $File.Stream.Flush($true)
        $File.Stream.Dispose()
        if (-not $File.Force) {
            [System.IO.File]::Move($File.Temporary, $File.Path)
        } elseif ($PSVersionTable.PSVersion.Major -ge 7) {
            [System.IO.File]::Move($File.Temporary, $File.Path, $true)
        } elseif ([System.IO.File]::Exists($File.Path)) {
            [System.IO.File]::Replace($File.Temporary, $File.Path, [NullString]::Value)
        } else {
            [System.IO.File]::Move($File.Temporary, $File.Path)
        }
    } catch {
        $reason = Get-CsVaultReason $_
        if (-not $File.Force -and [System.IO.File]::Exists($File.Path)) {
            Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileExists "The file '$($File.Path)' exists already." File $File.Path)
        }
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileWriteFailed "The file '$($File.Path)' cannot be written: $($reason.Message)" File $File.Path)
    }
}

# Leaves nothing behind.
function Remove-CsVaultFile($File) {
    try { $File.Stream.Dispose() } catch { Write-Debug "The temporary file could not be closed: $_" }
    [System.IO.File]::Delete($File.Temporary)
}
