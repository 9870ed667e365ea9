# Times a prompt: the import of a module, and with -Call its first call. A script of its own, as short as a user's: what PowerShell reads
# before is in its memory all the same.
param([Parameter(Mandatory)] [string] $Module, [switch] $Call)
$watch = [System.Diagnostics.Stopwatch]::StartNew()
Import-Module $Module
if ($Call) { $null = Get-CsAdminRole -Identity CsHelpDesk }
$watch.Elapsed.TotalSeconds
