# Values of parameters as JSON text; and messages as tables where PowerShell does not read them so.

# One value. $null, which only list parameters can be given, is an empty list.
function script:ConvertTo-CsVaultJson($Value) {
    if ($null -eq $Value) { return '[]' }
    if ($Value -is [string]) {
        if ($Value -cmatch '^[A-Za-z0-9_ .:/*@=,-]*\z') { return '"' + $Value + '"' }
        return Microsoft.PowerShell.Utility\ConvertTo-Json $Value -Compress
    }
    if ($Value -is [switch] -or $Value -is [bool]) { return $(if ($Value) { 'true' } else { 'false' }) }
    if ($Value -is [datetime]) { return '"' + $Value.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", [cultureinfo]::InvariantCulture) + '"' }
    if ($Value -is [int]) { return $Value.ToString([cultureinfo]::InvariantCulture) }
    if ($Value -is [System.Collections.IDictionary]) {
        # What adds to a list, removes from it or replaces it.
        $pairs = foreach ($key in $Value.Keys) { (ConvertTo-CsVaultJson "$key") + ':' + (ConvertTo-CsVaultJsonList $Value[$key]) }
        return '{' + ($pairs -join ',') + '}'
    }
    if ($Value -is [System.Collections.IEnumerable]) { return ConvertTo-CsVaultJsonList $Value }
    if ($null -ne $Value.PSObject.Properties['Name']) { return ConvertTo-CsVaultJsonList $Value }
    # An object that a cmdlet returned.
    $pairs = foreach ($property in $Value.PSObject.Properties) {
        $text = if ($null -eq $property.Value) { 'null' } else { ConvertTo-CsVaultJson $property.Value }
        (ConvertTo-CsVaultJson $property.Name) + ':' + $text
    }
    return '{' + ($pairs -join ',') + '}'
}

# A list of texts; elements such as the cmdlets of a role are their names.
function script:ConvertTo-CsVaultJsonList($Value) {
    $texts = foreach ($item in $Value) {
        if ($null -eq $item) { continue }
        $name = if ($item -is [string]) { $null } else { $item.PSObject.Properties['Name'] }
        ConvertTo-CsVaultJson $(if ($null -ne $name) { [string] $name.Value } else { "$item" })
    }
    return '[' + ($texts -join ',') + ']'
}

# Windows PowerShell's reader makes objects only.
function script:ConvertFrom-CsVaultJson([string] $Text) { ConvertFrom-CsVaultObject (Microsoft.PowerShell.Utility\ConvertFrom-Json $Text) }

function script:ConvertFrom-CsVaultObject($Value) {
    if ($Value -is [array]) { return , @(foreach ($one in $Value) { ConvertFrom-CsVaultObject $one }) }
    if ($Value -isnot [System.Management.Automation.PSCustomObject]) { return $Value }
    $table = @{}
    foreach ($property in $Value.PSObject.Properties) { $table[$property.Name] = ConvertFrom-CsVaultObject $property.Value }
    return $table
}
