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
    if ($script:CsVaultOnWindows -or $folder -notlike '/*') { $folder = [System.IO.Path]::GetFullPath($folder) }
    $pipe = $env:CSVAULT_PIPE
    if (-not $pipe) {
        $pipe = if ($script:CsVaultOnWindows) { "\\.\pipe\csvault-$([Environment]::UserName)" } else { "$folder/csvault.sock" }
    }
    return @{ Home = $folder; Pipe = $pipe; MayStart = -not ($env:CSVAULT_PIPE -or $env:CSVAULT_PIPE_OWNER) }
}
