# Files are the caller's: they are read and written here, with the caller's own rights, and never by the service.

# The path in the file system that a parameter means, by PowerShell's own rules.
function script:Resolve-CsVaultPath($Cmdlet, [string] $Path) {
    $provider = $null
    $drive = $null
    try {
        $full = $Cmdlet.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path, [ref] $provider, [ref] $drive)
    } catch {
        $reason = Get-CsVaultReason $_
        $hint = if ($reason -is [System.Management.Automation.DriveNotFoundException]) { "Make the drive first: New-PSDrive -Name $($reason.ItemName) -PSProvider FileSystem -Scope Global -Root <folder>" }
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotFound "The path '$Path' is not valid: $($reason.Message)" File $Path $hint)
    }
    if ($provider.Name -ne 'FileSystem') {
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotRegular "The path '$Path' is not in the file system." File $Path)
    }
    if (-not $script:CsVaultOnWindows -and $full.StartsWith('\\')) {
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotFound "'$full' is the path of a network share, which only Windows opens by that name." File $full 'Mount the share, and give the path where it is mounted.')
    }
    return $full
}

# Whether a file is there. Links are followed; what is no regular file ends the cmdlet.
function script:Test-CsVaultFile($Cmdlet, [string] $Path) {
    $wrong = $null
    if ([System.IO.Directory]::Exists($Path)) {
        $wrong = 'a folder'
    } elseif (-not [System.IO.File]::Exists($Path)) {
        return $false
    } elseif (-not $script:CsVaultOnWindows) {
        try {
            $target = [System.IO.File]::ResolveLinkTarget($Path, $true)
            $stat = Get-CsVaultUnixStat $(if ($null -ne $target) { $target.FullName } else { $Path })
            if ($null -ne $stat -and "$($stat.ItemType)" -ne 'File') { $wrong = 'a device or a pipe' }
        } catch {
            $wrong = "a link that leads nowhere ($((Get-CsVaultReason $_).Message))"
        }
    }
    if ($wrong) { Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotRegular "'$Path' is $wrong." File $Path) }
    return $true
}

# Opens a file to read it.
function script:Open-CsVaultFile($Cmdlet, [string] $Path) {
    $full = Resolve-CsVaultPath $Cmdlet $Path
    if (-not (Test-CsVaultFile $Cmdlet $full)) { Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotFound "The file '$full' does not exist." File $full) }
    try {
        return [System.IO.FileStream]::new($full, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, [System.IO.FileShare]::Read)
    } catch {
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileReadFailed "The file '$full' cannot be read: $((Get-CsVaultReason $_).Message)" File $full)
    }
}

# A file on its way: written under another name in the same folder, so that its own name never shows half a file.
function script:New-CsVaultFile($Cmdlet, [string] $Path, [bool] $Force) {
    $full = Resolve-CsVaultPath $Cmdlet $Path
    $exists = Test-CsVaultFile $Cmdlet $full
    if ($exists -and -not $Force) { Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileExists "The file '$full' exists already." File $full) }
    # A link is replaced itself and not followed: somebody else may have put it there.
    $folder = [System.IO.Path]::GetDirectoryName($full)
    if (-not [System.IO.Directory]::Exists($folder)) {
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileNotFound "The folder '$folder' does not exist." File $full)
    }
    $temporary = [System.IO.Path]::Combine($folder, ".csvault-$([guid]::NewGuid().ToString('N').Substring(0, 8)).tmp")
    try {
        $stream = New-CsVaultPrivateStream $temporary
    } catch {
        $reason = Get-CsVaultReason $_
        $why = if ($reason -is [System.UnauthorizedAccessException]) { "you may not write in the folder '$folder'." } else { $reason.Message }
        $why = $why.Replace($temporary, $full)
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport FileWriteFailed "The file '$full' cannot be written: $why" File $full)
    }
    return @{ Path = $full; Temporary = $temporary; Stream = $stream; Force = $Force }
}

# A new file for its owner alone: a configuration is nobody else's business. Windows, and .NET before 7, give it the rights of its folder.
function script:New-CsVaultPrivateStream([string] $Path) {
    if ($script:CsVaultOnWindows -or [Environment]::Version.Major -lt 7) {
        return [System.IO.FileStream]::new($Path, [System.IO.FileMode]::CreateNew, [System.IO.FileAccess]::Write, [System.IO.FileShare]::None, 4096)
    }
    $options = [System.IO.FileStreamOptions]::new()
    $options.Mode = [System.IO.FileMode]::CreateNew
    $options.Access = [System.IO.FileAccess]::Write
    $options.Share = [System.IO.FileShare]::None
    $options.UnixCreateMode = 'UserRead, UserWrite'
    return [System.IO.FileStream]::new($Path, $options)
}

# Gives the file its name, once everything is on the disk. It is its owner's alone, also where another file was that others could read.
function script:Complete-CsVaultFile($Cmdlet, $File) {
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
function script:Remove-CsVaultFile($File) {
    try { $File.Stream.Dispose() } catch { Microsoft.PowerShell.Utility\Write-Debug "The temporary file could not be closed: $_" }
    [System.IO.File]::Delete($File.Temporary)
}
