# Times a prompt: later calls against the least that a script can do for the same answer.
param([Parameter(Mandatory)] [string] $What, [string] $Module, [string] $Socket, [int] $Count = 300)
$watch = [System.Diagnostics.Stopwatch]::StartNew()
switch ($What) {
    'call' {
        Import-Module $Module
        foreach ($i in 1..50) { $null = Get-CsAdminRole -Identity CSResponseGroupManager }
        $watch.Restart()
        foreach ($i in 1..$Count) { $null = Get-CsAdminRole -Identity CSResponseGroupManager }
        $watch.Elapsed.TotalSeconds / $Count
    }
    'echo' {
        # Connect once; then write the request, read both frames of the answer, parse them.
        $pipe = [System.IO.Pipes.NamedPipeClientStream]::new('.', $Socket, 'InOut', 'Asynchronous')
        $pipe.Connect(5000)
        $buffer = [byte[]]::new(65536)
        function Send([string] $text) {
            $payload = [System.Text.Encoding]::UTF8.GetBytes($text)
            $frame = [System.BitConverter]::GetBytes([int] $payload.Length) + [byte[]] @(74) + $payload
            $task = $pipe.WriteAsync($frame, 0, $frame.Length)
            while (-not $task.Wait(250)) { }
        }
        function Receive {
            $have = 0
            $need = 5
            while ($have -lt $need) {
                $task = $pipe.ReadAsync($buffer, $have, $need - $have)
                while (-not $task.Wait(250)) { }
                $have += $task.Result
                if ($have -eq 5) { $need = 5 + [System.BitConverter]::ToInt32($buffer, 0) }
            }
            return [System.Text.Encoding]::UTF8.GetString($buffer, 5, $need - 5) | ConvertFrom-Json
        }
        Send '{"jsonrpc":"2.0","id":1,"method":"hello","params":{"protocol":1,"client":"bench"}}'
        $null = Receive
        foreach ($i in 2..(51 + $Count)) {
            if ($i -eq 52) { $watch.Restart() }
            Send ('{"jsonrpc":"2.0","id":' + $i + ',"method":"invoke","params":{"cmdlet":"Get-CsAdminRole","parameters":{"Identity":"CSResponseGroupManager"}}}')
            do { $message = Receive } until ($message.PSObject.Properties['id'])
        }
        $watch.Elapsed.TotalSeconds / $Count
    }
}
