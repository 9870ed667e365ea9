# The main job, line by line, as it is typed at a prompt. Run by `cargo xtask demo`.
param(
    [Parameter(Mandatory)] [string] $Module,
    [Parameter(Mandatory)] [string] $Folder,
    [switch] $Prompt
)
$ErrorActionPreference = 'Stop'
$env:PSModulePath = $Module + [IO.Path]::PathSeparator + $env:PSModulePath
# Where there is no drive C:, the folder becomes it, so that the paths of administrators' scripts work as they are written.
$drive = $Folder
if (-not (Get-PSDrive -Name C -ErrorAction SilentlyContinue)) {
    $null = New-PSDrive -Name C -PSProvider FileSystem -Root $Folder -Scope Global
    $drive = 'C:'
}
Set-Location "$drive\"
Import-Module CsVault
if ($Prompt) {
    Write-Host 'CsVault: Get-Command -Module CsVault lists the cmdlets, Get-Help Export-CsConfiguration -Full explains one.'
    return
}

$steps = @(
    @('The sample deployment comes in.',
        'Import-CsConfiguration -FileName "C:\Litware.zip" -Verbose'),
    @('Which roles, custom ones included, may run the export?',
        'Get-CsAdminRole | Where-Object {$_.Cmdlets -match "Export-CsConfiguration"}'),
    @('The whole configuration goes into one file.',
        'Export-CsConfiguration -FileName "C:\Config.zip"',
        'Get-Item "C:\Config.zip" | Format-Table Name, Length'),
    @('A topology is changed by mistake; the file brings the old state back. First the plan, then the import.',
        '(Get-CsTopology -AsXml).ToString().Replace("CountryCode=`"IE`"", "CountryCode=`"GB`"") | Set-Content "C:\Changed.xml" -Encoding utf8',
        'Publish-CsTopology -FileName "C:\Changed.xml" -WhatIf',
        'Publish-CsTopology -FileName "C:\Changed.xml"',
        'Import-CsConfiguration -FileName "C:\Config.zip" -WhatIf',
        'Import-CsConfiguration -FileName "C:\Config.zip" -Verbose'),
    @('An Edge Server gets its local store from the same file, once.',
        'Import-CsConfiguration -FileName "C:\Config.zip" -LocalStore'),
    @('What is in the stores now?',
        '(Get-CsTopology).Clusters | Format-Table Fqdn, SiteId, IsOnEdge',
        '(Get-CsTopology -LocalStore).Sites | Format-Table SiteId, Name, Kind',
        'Get-CsAdminRole | Format-Table Identity, IsStandardRole, ConfigScopes'),
    @('Who may do what, and who did what?',
        'Test-CsAdminAccess -Cmdlet Export-CsConfiguration',
        'Get-CsAuditRecord -Cmdlet *Configuration -Newest 4 | Format-Table Time, Cmdlet, Outcome, Detail')
)
foreach ($step in $steps) {
    $title, $lines = $step
    Write-Host ''
    Write-Host "# $title"
    foreach ($line in $lines) {
        Write-Host "PS $drive\> $line"
        Invoke-Expression $line.Replace('C:\', "$drive\") | Out-Default
    }
}
