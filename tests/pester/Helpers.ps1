# What the Pester files share: a service of their own in a home of its own, and PowerShell processes to look at from outside.

$script:Root = [System.IO.Path]::GetFullPath([System.IO.Path]::Combine($PSScriptRoot, '..', '..'))
$script:ModuleFolder = [System.IO.Path]::Combine($script:Root, 'module')
$script:Litware = [System.IO.Path]::Combine($script:Root, 'tests', 'fixtures', 'litware')
$script:OnWindows = [System.IO.Path]::DirectorySeparatorChar -eq '\'
$script:Pwsh = (Get-Process -Id $PID).Path

function Find-TestExecutable {
    if ($env:CSVAULT_EXE) { return $env:CSVAULT_EXE }
    $name = if ($script:OnWindows) { 'csvault.exe' } else { 'csvault' }
    $target = if ($env:CARGO_TARGET_DIR) { $env:CARGO_TARGET_DIR } else { 'target' }
    $path = [System.IO.Path]::Combine($script:Root, $target, 'debug', $name)
    if (-not (Test-Path $path)) { throw "build the executable first: cargo build -p csvault" }
    return $path
}

# A new home with nothing in it; short, because the path of a socket is.
function New-TestHome {
    $folder = [System.IO.Path]::Combine([System.IO.Path]::GetTempPath(), 'cv' + [guid]::NewGuid().ToString('N').Substring(0, 8))
    $null = New-Item -ItemType Directory -Path $folder
    $env:CSVAULT_EXE = Find-TestExecutable
    $env:CSVAULT_HOME = [System.IO.Path]::Combine($folder, 'home')
    $env:CSVAULT_PIPE = $null
    $env:CSVAULT_PIPE_OWNER = $null
    return $folder
}

function Remove-TestHome($Folder) {
    $env:CSVAULT_PIPE = $null
    $env:CSVAULT_PIPE_OWNER = $null
    $env:CSVAULT_HOME = [System.IO.Path]::Combine($Folder, 'home')
    $null = & $env:CSVAULT_EXE stop 2>&1
    Remove-Item -Recurse -Force $Folder -ErrorAction SilentlyContinue
}

# Runs a line in a PowerShell of its own. Returns what it printed and its exit code.
function Invoke-Prompt([string] $Line, [hashtable] $Environment = @{}) {
    $process = Start-Prompt $Line $Environment
    $output = $process.StandardOutput.ReadToEndAsync()
    $errors = $process.StandardError.ReadToEndAsync()
    $process.WaitForExit()
    return [pscustomobject]@{ Output = $output.Result -replace "`e\[[0-9;]*m"; Error = $errors.Result -replace "`e\[[0-9;]*m"; ExitCode = $process.ExitCode }
}

function Start-Prompt([string] $Line, [hashtable] $Environment = @{}) {
    $start = [System.Diagnostics.ProcessStartInfo]::new($script:Pwsh)
    foreach ($argument in '-NoProfile', '-NonInteractive', '-Command', $Line) { $start.ArgumentList.Add($argument) }
    foreach ($name in $Environment.Keys) { $start.Environment[$name] = $Environment[$name] }
    $start.Environment['PSModulePath'] = $script:ModuleFolder + [System.IO.Path]::PathSeparator + $env:PSModulePath
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $start.UseShellExecute = $false
    return [System.Diagnostics.Process]::Start($start)
}

# The error of a script block, as a script would see it.
function Get-ErrorOf([scriptblock] $Block) {
    try { & $Block } catch { return $_ }
    return $null
}

# Everything that lies in a folder, temporary files included.
function Get-Names([string] $Folder) {
    return @([System.IO.Directory]::GetFileSystemEntries($Folder) | ForEach-Object { [System.IO.Path]::GetFileName($_) } | Sort-Object)
}

# Groups that the settings of a new home know, so that roles of their names can be made. Without them a role needs a group of the machine.
function Set-TestGroups([string[]] $Groups) {
    $null = & $env:CSVAULT_EXE start
    $null = & $env:CSVAULT_EXE stop
    $path = [System.IO.Path]::Combine($env:CSVAULT_HOME, 'settings.json')
    $settings = Get-Content -Raw $path | ConvertFrom-Json
    $settings.members = [pscustomobject]@{ kenmyer = $Groups }
    # In its place, so that it stays as private as it is.
    [System.IO.File]::WriteAllText($path, (ConvertTo-Json $settings -Depth 5))
}
