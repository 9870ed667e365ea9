# .NET compiles each method when it is first called, and that is much of what a first call at a prompt takes. It keeps a list of the methods
# that were needed, where PowerShell has its own such list, and compiles them on another core the next time, while this one goes on. Where
# the folder is missing or may not be written, nothing is kept.
if ($PSEdition -eq 'Core' -and -not $IsWindows) {
    $script:CsVaultCache = [Environment]::GetEnvironmentVariable('XDG_CACHE_HOME')
    if (-not $script:CsVaultCache) { $script:CsVaultCache = "$HOME/.cache" }
    [System.Runtime.ProfileOptimization]::SetProfileRoot("$script:CsVaultCache/powershell")
    [System.Runtime.ProfileOptimization]::StartProfile('StartupProfileData-CsVault')
}
