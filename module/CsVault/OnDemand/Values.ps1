# Types of values that are more than a text.

# The types of the classes in the text, a line `class` each, under the original's names: a class has no dots in its name as it is written,
# and may have them in its syntax tree. An object of such a type is one of its own, with its name as type name, and without a wrapper.
function script:New-CsVaultValueType([string[]] $Name, [string] $Text) {
    # Else its objects work in the runspace alone that made them (PowerShell 7.4 and later know the word).
    if ('NoRunspaceAffinity' -as [type]) { $Text = $Text.Replace('class CsVault', '[NoRunspaceAffinity()] class CsVault') }
    $tree = [System.Management.Automation.Language.Parser]::ParseInput($Text, [ref] $null, [ref] $null)
    $next = 0
    $types = foreach ($class in $tree.EndBlock.Statements) {
        $members = [System.Management.Automation.Language.MemberAst[]] @(foreach ($member in $class.Members) { $member.Copy() })
        $attributes = [System.Management.Automation.Language.AttributeAst[]] @(foreach ($attribute in $class.Attributes) { $attribute.Copy() })
        [System.Management.Automation.Language.TypeDefinitionAst]::new($class.Extent, $Name[$next++], $attributes, $members, $class.TypeAttributes, $null)
    }
    $body = [System.Management.Automation.Language.StatementBlockAst]::new($tree.Extent, [System.Management.Automation.Language.StatementAst[]] $types, $null)
    $block = [System.Management.Automation.Language.ScriptBlockAst]::new($tree.Extent, $null, $body, $false)
    . $block.GetScriptBlock()
    foreach ($one in $Name) { $one -as [type] }
}
