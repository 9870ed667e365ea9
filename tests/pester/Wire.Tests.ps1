BeforeDiscovery {
    $folder = [System.IO.Path]::Combine($PSScriptRoot, '..', 'wire')
    $script:Transcripts = @(Get-ChildItem $folder -Filter *.json | ForEach-Object { @{ Name = $_.BaseName; Path = $_.FullName } })
    $script:CanPlay = $PSVersionTable.Platform -eq 'Unix' -and $PSVersionTable.PSVersion.Major -ge 7
}
BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    . $PSScriptRoot/WirePlayer.ps1
    $script:Manifests = [regex]::Match([System.IO.File]::ReadAllText("$script:ModuleFolder/CsVault/CsVault.psm1"), "CsVaultManifests = '([0-9a-f]{64})'").Groups[1].Value
}

Describe 'The pipe, from PowerShell' -Skip:(-not $script:CanPlay) {
    It 'goes as written in <Name>' -ForEach $script:Transcripts {
        $folder = New-TestHome
        $player = $null
        try {
            $transcript = [System.IO.File]::ReadAllText($Path) | ConvertFrom-Json -AsHashtable
            if ($transcript.Contains('settings')) {
                $settings = $transcript['settings']
                if (-not $settings.Contains('owner')) { $settings['owner'] = @{ uid = [int] (& id -u) } }
                $null = New-Item -ItemType Directory $env:CSVAULT_HOME
                & chmod 700 $env:CSVAULT_HOME
                [System.IO.File]::WriteAllText("$env:CSVAULT_HOME/settings.json", (ConvertTo-Json $settings -Depth 20))
                & chmod 600 "$env:CSVAULT_HOME/settings.json"
            }
            $started = & $env:CSVAULT_EXE start
            $player = New-Player ($started | ConvertFrom-Json).pipe $script:Manifests $script:Root
            $number = 0
            foreach ($step in $transcript['steps']) {
                $number++
                $faults = @(Invoke-Step $player $step)
                $faults -join '; ' | Should -BeNullOrEmpty -Because "step $number ($($step.Keys)) goes as written"
            }
            $after = @{ send = [ordered] @{ jsonrpc = '2.0'; id = 1; method = 'hello'; params = @{ protocol = 1; client = 'player' } }; on = 'after' }, @{ expect = @{ id = 1; result = @{ protocol = 1 } }; on = 'after' },
            @{ send = [ordered] @{ jsonrpc = '2.0'; id = 2; method = 'ping' }; on = 'after' }, @{ expect = @{ id = 2; result = @{} }; on = 'after' }
            if ($transcript['steps'][-1]['expectStopped'] -ne $true) {
                foreach ($step in $after) { @(Invoke-Step $player $step) -join '; ' | Should -BeNullOrEmpty }
            }
        } finally {
            if ($null -ne $player) { foreach ($line in $player.Open.Values) { $line.Stream.Dispose() } }
            Remove-TestHome $folder
        }
    }
}
