# Starting an embedded service, and what is told about one that is not trusted or does not answer.

# Owner and kind of a thing in the file system, without following a link; nothing when it is not there.
function script:Get-CsVaultUnixStat([string] $Path) {
    # Asked first: an error that is caught here would still be in the user's $Error and -ErrorVariable.
    if (-not ([System.IO.File]::Exists($Path) -or [System.IO.Directory]::Exists($Path))) { return }
    try { return $ExecutionContext.InvokeProvider.Item.Get($Path, $true, $true).UnixStat } catch { return }
}

# What the account that the pipe must belong to is called here: a user id, on Windows a SID. Nothing when there is no such account.
function script:Get-CsVaultExpectedOwner {
    if ($script:CsVaultOnWindows -or $env:CSVAULT_PIPE_OWNER) { return Find-CsVaultAccount $env:CSVAULT_PIPE_OWNER }
    $own = Get-CsVaultUnixStat "/proc/$PID"
    if ($own) { return $own.UserId }
    return [int] (Get-CsVaultUserId)
}

# What the program id says, whatever else is called so here; the user's $LASTEXITCODE stays.
function script:Get-CsVaultUserId([string[]] $Of) {
    $last = $ExecutionContext.SessionState.PSVariable.GetValue('global:LASTEXITCODE')
    $program = $ExecutionContext.InvokeCommand.GetCommand('id', 'Application')
    try { return & $program -u $Of 2>$null } finally { $global:LASTEXITCODE = $last }
}

# The same for a name, or on Windows for none.
function script:Find-CsVaultAccount([string] $Name) {
    if ($script:CsVaultOnWindows) {
        if (-not $Name) { return [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value }
        try { return [System.Security.Principal.NTAccount]::new($Name).Translate([System.Security.Principal.SecurityIdentifier]).Value } catch { $null = $_ }
        if ($Name -match '^S-1-[\d-]+\z') { return $Name }
        return
    }
    # A name first: one may consist of digits.
    $id = [string] (Get-CsVaultUserId '--', $Name)
    if ($id -notmatch '^\d+\z') { $id = $Name }
    if ($id -match '^\d{1,10}\z') { return [long] $id }
}

# Who listens at the other end of a new connection: the file may have been another one a moment ago. Nothing was sent yet.
function script:Test-CsVaultListener($Cmdlet, $Place, $Pipe) {
    $expected = Get-CsVaultExpectedOwner
    $found = $null
    try {
        if (-not $script:CsVaultOnWindows) {
            $socket = [System.Net.Sockets.Socket]::new([System.Net.Sockets.SafeSocketHandle]::new($Pipe.SafePipeHandle.DangerousGetHandle(), $false))
            $credentials = [byte[]]::new(76)
            if ($IsMacOS) {
                # LOCAL_PEERCRED of SOL_LOCAL: a version and then the user id.
                $null = $socket.GetRawSocketOption(0, 1, $credentials)
            } else {
                # SO_PEERCRED of SOL_SOCKET: a process id and then the user id.
                $null = $socket.GetRawSocketOption(1, 17, $credentials)
            }
            $found = [long] [System.BitConverter]::ToUInt32($credentials, 4)
            $socket.Dispose()
        } elseif ($PSEdition -eq 'Desktop') {
            $found = $Pipe.GetAccessControl().GetOwner([System.Security.Principal.SecurityIdentifier]).Value
        } else {
            $found = [System.IO.Pipes.PipesAclExtensions]::GetAccessControl($Pipe).GetOwner([System.Security.Principal.SecurityIdentifier]).Value
        }
    } catch {
        $found = $null
    }
    if ($null -ne $found -and $found -eq $expected) { return }
    $Pipe.Dispose()
    $wrong = if ($null -eq $found) { 'the system does not tell who listens there' } else { "who listens there is the account $found, not $expected" }
    Stop-CsVaultUntrusted $Cmdlet $Place $wrong
}

function script:Stop-CsVaultUntrusted($Cmdlet, $Place, [string] $Wrong) {
    Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport HostNotTrusted "The pipe of the service is not trusted: $Wrong." Pipe $Place.Pipe)
}

# Ends the cmdlet when a pipe is somebody else's, in somebody else's folder, or no pipe. Where the user's own account is expected, who
# listens is found out by connecting, and this is asked when that fails.
function script:Assert-CsVaultPipeOwner($Cmdlet, $Place) {
    $pipe = Get-CsVaultUnixStat $Place.Pipe
    $folder = Get-CsVaultUnixStat $(if ($env:CSVAULT_PIPE) { $Place.Pipe } else { $Place.Home })
    if ($null -eq $pipe -or $null -eq $folder) { return }
    $owner = Get-CsVaultExpectedOwner
    $wrong = if ($null -eq $owner) { "CSVAULT_PIPE_OWNER names '$env:CSVAULT_PIPE_OWNER', which is no account here" }
    elseif ($pipe.ItemType -ne 'Socket') { "$($Place.Pipe) is not a socket" }
    elseif ($pipe.UserId -ne $owner) { "$($Place.Pipe) belongs to the account $($pipe.UserId), not to $owner" }
    elseif ($folder.UserId -ne $owner) { "$($Place.Home) belongs to the account $($folder.UserId), not to $owner" }
    if ($wrong) { Stop-CsVaultUntrusted $Cmdlet $Place $wrong }
}

# The executable: named, beside the module, in the build folder, on PATH.
function script:Find-CsVaultExecutable {
    if ($env:CSVAULT_EXE) { return $env:CSVAULT_EXE }
    $name = if ($script:CsVaultOnWindows) { 'csvault.exe' } else { 'csvault' }
    $build = if ($env:CARGO_TARGET_DIR) { $env:CARGO_TARGET_DIR } else { [System.IO.Path]::Combine($script:CsVaultFolder, '..', '..', 'target') }
    $beside = [System.IO.Path]::Combine($script:CsVaultFolder, $name)
    if ([System.IO.File]::Exists($beside)) { return $beside }
    $built = foreach ($profile in 'release', 'debug') {
        $path = [System.IO.Path]::GetFullPath([System.IO.Path]::Combine($build, $profile, $name))
        if ([System.IO.File]::Exists($path)) { [System.IO.FileInfo] $path }
    }
    if ($built) { return (@($built) | Microsoft.PowerShell.Utility\Sort-Object LastWriteTimeUtc -Descending)[0].FullName }
    $found = $ExecutionContext.InvokeCommand.GetCommand($name, 'Application')
    if ($found) { return $found.Path }
    return $null
}

# Starts an embedded service for the current user and waits until it answers.
function script:Start-CsVaultHost($Cmdlet) {
    $executable = Find-CsVaultExecutable
    if (-not $executable -or -not [System.IO.File]::Exists($executable)) {
        $what = if ($executable) { "CSVAULT_EXE names $executable, and there is no such file." } else { 'The service is not running and the executable csvault was not found.' }
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport HostUnavailable $what Executable $(if ($executable) { $executable } else { 'csvault' }))
    }
    Write-CsVaultVerbose $Cmdlet "Starting the service with $executable."
    $start = [System.Diagnostics.ProcessStartInfo]::new($executable, 'start')
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    try {
        $process = [System.Diagnostics.Process]::Start($start)
        $output = $process.StandardOutput.ReadToEndAsync()
        $errors = $process.StandardError.ReadToEndAsync()
        while (-not $output.Wait(250)) { }
        while (-not $errors.Wait(250)) { }
        while (-not $process.WaitForExit(250)) { }
    } catch [System.Management.Automation.MethodInvocationException] {
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport HostUnavailable "The service could not be started: $((Get-CsVaultReason $_).Message)" Executable $executable)
    }
    if ($process.ExitCode -eq 0) { return }
    $report = $null
    try { $report = ($output.Result | Microsoft.PowerShell.Utility\ConvertFrom-Json).error } catch { $report = $null }
    if (-not $report) {
        $said = "$($output.Result) $($errors.Result)".Trim()
        $report = New-CsVaultReport HostUnavailable "The service could not be started: $executable ended with exit code $($process.ExitCode). $said".Trim() Executable $executable
    }
    Stop-CsVaultCmdlet $Cmdlet $report
}

# A connection to a service that is started first.
function script:Start-CsVaultConnection($Cmdlet, $Place) {
    if (-not $Place.MayStart) {
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport HostUnavailable "No service answers at $($Place.Pipe)." Pipe $Place.Pipe 'Start the service that belongs there, or unset CSVAULT_PIPE and CSVAULT_PIPE_OWNER to use your own.')
    }
    Start-CsVaultHost $Cmdlet
    $connection = Connect-CsVaultPipe $Cmdlet $Place
    if ($null -eq $connection) {
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport HostUnavailable "The service was started and does not answer at $($Place.Pipe)." Pipe $Place.Pipe)
    }
    return $connection
}

# The service said something else than hello, or nothing.
function script:Stop-CsVaultHello($Cmdlet, $Place, $Answer) {
    if ($null -ne $Answer) { Stop-CsVaultCmdlet $Cmdlet $Answer.error.data }
    $hint = 'Find out what keeps its process (csvault) busy, or end that process and repeat; nothing was sent.'
    Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport HostUnavailable "The service at $($Place.Pipe) does not answer." Pipe $Place.Pipe $hint)
}

# Ends the cmdlet unless nobody listens, which is no error.
function script:Assert-CsVaultSilence($Cmdlet, $Place, $Reason) {
    $denied = $Reason -is [System.UnauthorizedAccessException]
    if (-not $script:CsVaultOnWindows) { Assert-CsVaultPipeOwner $Cmdlet $Place }
    # .NET found another account there.
    if ($denied -and -not $script:CsVaultOnWindows) { Stop-CsVaultUntrusted $Cmdlet $Place "who listens there is not the account $(Get-CsVaultExpectedOwner)" }
    if ($denied -or ($Reason -is [System.Net.Sockets.SocketException] -and $Reason.SocketErrorCode -eq 'AccessDenied')) {
        Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport HostUnavailable "The pipe $($Place.Pipe) may not be opened: $($Reason.Message)" Pipe $Place.Pipe)
    }
}

# There is no folder for the data, as the executable sees it too.
function script:Stop-CsVaultHomeless($Cmdlet) {
    Stop-CsVaultCmdlet $Cmdlet (New-CsVaultReport HostUnavailable 'There is no data folder: HOME names no folder.' Folder HOME 'Set CSVAULT_HOME to the folder of the data.')
}
