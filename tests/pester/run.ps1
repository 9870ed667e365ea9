# Runs every Pester file beside this one: on the module Pester (5 or later) where it is installed, on a subset of it
# otherwise. Closes with one line of counts that `cargo xtask test` reads.
$ErrorActionPreference = 'Stop'
$pester = Get-Module -ListAvailable -Name Pester | Where-Object { $_.Version.Major -ge 5 } | Select-Object -First 1
if (-not $pester) {
    $pester = Get-Module -ListAvailable -Name PesterSubset | Select-Object -First 1
}
if (-not $pester) {
    'The module Pester 5 is not installed: Install-Module Pester -Scope CurrentUser'
    exit 1
}
Import-Module $pester.Path
$result = Invoke-Pester -Path $PSScriptRoot -PassThru
foreach ($test in $result.Tests) {
    if ("$($test.Result)$($test.Outcome)" -match 'Skipped') {
        $name = if ($test.ExpandedPath) { $test.ExpandedPath } elseif ($test.FullName) { $test.FullName } else { $test.Name }
        "skipped: $name"
    }
}
"pester: $($result.PassedCount) passed, $($result.FailedCount) failed, $($result.SkippedCount) skipped"
exit [int]($result.FailedCount -gt 0)
