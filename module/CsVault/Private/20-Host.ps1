# Finding the service, and making sure whose it is before anything is said. Starting one is in OnDemand/Host.ps1.

$script:CsVaultOnWindows = $PSEdition -eq 'Desktop' -or $IsWindows
# Windows PowerShell does not load it by itself, and a parameter has a type of it.
if ($PSEdition -eq 'Desktop') { Microsoft.PowerShell.Utility\Add-Type -AssemblyName System.Xml.Linq }

# Where the service is: the folder of its data and the name of its pipe.
function Get-CsVaultPlace($Cmdlet) {
    $folder = $env:CSVAULT_HOME
    if (-not $folder) {
        if ($script:CsVaultOnWindows) {
            $folder = [System.IO.Path]::Combine([Environment]::GetFolderPath('LocalApplicationData'), 'csvault')
        } else {
            $data = $env:XDG_DATA_HOME
            if (-not $data -or -not $data.StartsWith('/')) {
                if (-not $env:HOME -or -not $env:HOME.StartsWith('/')) { Stop-CsVaultHomeless $Cmdlet }
                $data = [System.IO.Path]::Combine($env:HOME, '.local', 'share')
            }
            $folder = [System.IO.Path]::Combine($data, 'csvault')
        }
    }
    # As the executable does it: a relative folder starts at the process's own.
    $folder = [System.IO.Path]::GetFullPath($folder)
    $pipe = $env:CSVAULT_PIPE
    if (-not $pipe) {
        $pipe = if ($script:CsVaultOnWindows) { "\\.\pipe\csvault-$([Environment]::UserName)" } else { "$folder/csvault.sock" }
    }
    return @{ Home = $folder; Pipe = $pipe; MayStart = -not ($env:CSVAULT_PIPE -or $env:CSVAULT_PIPE_OWNER) }
}

# Whether there is a pipe. One that belongs to somebody else hears nothing from us.
function Test-CsVaultPipe($Cmdlet, $Place) {
    # Asked at once, as each question takes its time: the pipe, where the folder must be ours the folder, and this process, whose owner we are.
    $paths = @($Place.Pipe, $(if ($env:CSVAULT_PIPE) { $Place.Pipe } else { $Place.Home }))
    $own = -not $env:CSVAULT_PIPE_OWNER -and [System.IO.Directory]::Exists("/proc/$PID")
    if ($own) { $paths += "/proc/$PID" }
    # Before that, whether it is there at all: an error that is caught here would still be in the user's $Error and -ErrorVariable.
    if (-not [System.IO.File]::Exists($Place.Pipe)) { return $false }
    try { $pipe, $folder, $process = $ExecutionContext.InvokeProvider.Item.Get($paths, $true, $true).UnixStat } catch { return $false }
    $owner = if ($own) { $process.UserId } else { Get-CsVaultExpectedOwner }
    if ($pipe.UserId -ne $owner -or $folder.UserId -ne $owner -or $pipe.ItemType -ne 'Socket') { Stop-CsVaultForeignPipe $Cmdlet $Place $owner $pipe $folder }
    return $true
}
