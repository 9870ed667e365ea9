BeforeAll {
    . $PSScriptRoot/Helpers.ps1
    Import-Module $script:ModuleFolder/CsVault/CsVault.psd1
    $script:Folder = New-TestHome
    $script:Source = "$script:Litware/topology.xml"
    function Get-Version { (& $env:CSVAULT_EXE status --json | ConvertFrom-Json).storeVersion }
}
AfterAll { Remove-TestHome $script:Folder }

Describe 'Publish-CsTopology and Get-CsTopology' {
    It 'starts with an empty topology' {
        (Get-CsTopology).Sites.Count | Should -Be 0
        (Get-CsTopology -AsXml).ToString() | Should -Match '<Sites />'
    }
    It 'shows the plan and changes nothing with -WhatIf' {
        $plan = (Invoke-Prompt "Publish-CsTopology -FileName '$script:Source' -WhatIf").Output
        $plan | Should -Match '"add" on target "site 1"'
        $plan | Should -Match '"add" on target "pool edge01.redmond.litwareinc.com"'
        $plan | Should -Match '"add" on target "service 1-Registrar-1"'
        Get-Version | Should -Be 1
    }
    It 'publishes a document, saves the old one, writes a report' {
        Publish-CsTopology -FileName $script:Source -BackupFileName $script:Folder/before.xml -Report $script:Folder/report.html | Should -BeNullOrEmpty
        Get-Version | Should -Be 2
        Get-Content $script:Folder/before.xml -Raw | Should -Match '<Sites />'
        Get-Content $script:Folder/report.html -Raw | Should -Match 'New version 2'
        (Get-ErrorOf { Publish-CsTopology $script:Source -BackupFileName $script:Folder/before.xml }).FullyQualifiedErrorId | Should -BeExactly 'FileExists,Publish-CsTopology'
    }
    It 'returns the graph that scripts read' {
        Set-StrictMode -Version Latest
        $topology = Get-CsTopology
        $topology.PSObject.TypeNames[0] | Should -BeExactly 'Microsoft.Rtc.Management.Deploy.Internal.DefaultTopology'
        $topology.Sites.Name | Should -Be 'Redmond', 'Dublin'
        $topology.Sites[0].Kind | Should -Be 'CentralSite'
        ($topology.Clusters | Where-Object { $_.RequiresReplication }).Fqdn | Should -Contain 'pool01.redmond.litwareinc.com'
        ($topology.Clusters | Where-Object { $_.IsOnEdge }).Fqdn | Should -Be 'edge01.redmond.litwareinc.com'
        $topology.Machines.Fqdn | Should -Contain 'fe02.redmond.litwareinc.com'
        ($topology.Clusters | Where-Object Fqdn -eq 'dir01.redmond.litwareinc.com').InstalledServices.NetPorts.Port | Should -Contain 5061
        $topology.InternalDomains.Name | Should -Be 'litwareinc.com'
        $topology.SqlInstances.Name | Should -Be 'rtc'
        ($topology.Machines.NetInterfaces | Where-Object ConfiguredIPAddress).ConfiguredIPAddress | Should -Be '192.0.2.10'
    }
    It 'names what is in it' {
        $topology = Get-CsTopology
        "$($topology.Sites)" | Should -BeExactly 'Redmond Dublin'
        "$($topology.Clusters[0])" | Should -BeExactly 'pool01.redmond.litwareinc.com'
        "$($topology.Services[0])" | Should -BeExactly '1-UserServices-1'
        @($topology.Clusters -match 'pool0').Count | Should -Be 2
        $text = ($topology | Out-String -Width 200) -replace "`e\[[0-9;]*m"
        $text | Should -Match '(?m)^Sites\s+: \{Redmond, Dublin\}'
        $text | Should -Not -Match '@\{'
    }
    It 'returns an XElement that prints, converts and publishes again' {
        $xml = Get-CsTopology -AsXml
        $xml | Should -BeOfType ([System.Xml.Linq.XElement])
        ([xml] $xml.ToString()).Topology.Sites.CentralSite[0].SiteId | Should -Be '1'
        ([xml] $xml).Topology.Sites.CentralSite.Count | Should -Be 2
        Publish-CsTopology -Document $xml
        Get-Version | Should -Be 2 -Because 'it is the same document'
    }
    It 'takes an edited document in every encoding that scripts write' {
        $text = (Get-CsTopology -AsXml).ToString()
        $version = Get-Version
        foreach ($encoding in [System.Text.Encoding]::Unicode, [System.Text.UTF8Encoding]::new($true), [System.Text.UTF8Encoding]::new($false), [System.Text.Encoding]::Latin1) {
            $version++
            [System.IO.File]::WriteAllText("$script:Folder/edited.xml", $text.Replace('City="Redmond"', "City=`"Zürich $version`""), $encoding)
            Publish-CsTopology -FileName $script:Folder/edited.xml -WarningAction SilentlyContinue
            Get-Version | Should -Be $version
            (Get-CsTopology).Sites[0].City | Should -Be "Zürich $version"
        }
        $plan = (Invoke-Prompt "Publish-CsTopology -FileName '$script:Source' -WhatIf").Output
        @($plan -split "`n" | Where-Object { $_ -match 'What if' }).Count | Should -Be 1
        $plan | Should -Match '"change" on target "site 1"'
    }
    It 'refuses what is no topology: <Name>' -ForEach @(
        @{ Name = 'broken XML'; Text = '<Topology'; Id = 'XmlInvalid' }
        @{ Name = 'another document'; Text = '<Other/>'; Id = 'XmlInvalid' }
        @{ Name = 'a Topology Builder file'; Text = '<TopologyBuilder xmlns="urn:schema:Microsoft.Rtc.Management.Deploy.TopologyBuilder.2008"/>'; Id = 'XmlInvalid' }
        @{ Name = 'a DOCTYPE'; Text = '<!DOCTYPE a [<!ENTITY b "c">]><Topology/>'; Id = 'XmlInvalid' }
        @{ Name = 'an empty file'; Text = ''; Id = 'XmlInvalid' }
    ) {
        $before = Get-Version
        [System.IO.File]::WriteAllText("$script:Folder/bad.xml", $Text)
        $record = Get-ErrorOf { Publish-CsTopology -FileName $script:Folder/bad.xml }
        $record.FullyQualifiedErrorId | Should -BeExactly "$Id,Publish-CsTopology"
        Get-Version | Should -Be $before
    }
    It 'lists dangling references, and publishes them with -Force' {
        $text = [System.IO.File]::ReadAllText($script:Source).Replace('<ServiceId SiteId="1" RoleName="EdgeServer" Instance="1" /></Dependency>', '<ServiceId SiteId="1" RoleName="EdgeServer" Instance="9" /></Dependency>')
        [System.IO.File]::WriteAllText("$script:Folder/dangling.xml", $text)
        $record = Get-ErrorOf { Publish-CsTopology $script:Folder/dangling.xml }
        $record.Exception.Message | Should -Match '1-EdgeServer-9'
        $record.Exception.Message | Should -Match '2-Registrar-1'
        $warnings = Publish-CsTopology $script:Folder/dangling.xml -Force 3>&1
        "$warnings" | Should -Match '1-EdgeServer-9'
        Publish-CsTopology $script:Source
        $result = Invoke-Prompt "Publish-CsTopology $script:Folder/dangling.xml -Force -Debug -WarningVariable w; `$w.Count"
        $result.Output | Should -Match '(?s)1-EdgeServer-9.*\s[1-9]\d*\s*$'
        ($result.Error + $result.Output) | Should -Not -Match 'NonInteractive'
    }
    It 'says that -FinalizeUninstall is not available' {
        (Get-ErrorOf { Publish-CsTopology -FinalizeUninstall }).FullyQualifiedErrorId | Should -BeExactly 'FeatureNotAvailable,Publish-CsTopology'
    }
    It 'reads the topology of the local store' {
        (Get-CsTopology -LocalStore).Sites.Count | Should -Be 0
    }
}
