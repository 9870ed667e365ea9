# Types of values that are more than a text.

# The class in the text, under the original's name: a class has no dots in its name as it is written, and may have them in its syntax tree.
# An object of such a type is one of its own, with the name as its type name, and without a wrapper around it.
function script:New-CsVaultValueType([string] $Name, [string] $Text) {
    # Else its objects work in the runspace alone that made them (PowerShell 7.4 and later know the word).
    if ('NoRunspaceAffinity' -as [type]) { $Text = '[NoRunspaceAffinity()] ' + $Text }
    $ast = [System.Management.Automation.Language.Parser]::ParseInput($Text, [ref] $null, [ref] $null)
    $class = $ast.EndBlock.Statements[0]
    $members = [System.Management.Automation.Language.MemberAst[]] @(foreach ($member in $class.Members) { $member.Copy() })
    $attributes = [System.Management.Automation.Language.AttributeAst[]] @(foreach ($attribute in $class.Attributes) { $attribute.Copy() })
    $named = [System.Management.Automation.Language.TypeDefinitionAst]::new($class.Extent, $Name, $attributes, $members, $class.TypeAttributes, $null)
    $body = [System.Management.Automation.Language.StatementBlockAst]::new($class.Extent, [System.Management.Automation.Language.StatementAst[]] @($named), $null)
    $block = [System.Management.Automation.Language.ScriptBlockAst]::new($class.Extent, $null, $body, $false)
    . $block.GetScriptBlock()
    return $Name -as [type]
}
