# Types of values that are more than a text.

# What the types below are made in.
$script:CsVaultValues = [System.Reflection.Emit.AssemblyBuilder]::DefineDynamicAssembly([System.Reflection.AssemblyName]::new('CsVault.Values'), [System.Reflection.Emit.AssemblyBuilderAccess]::Run).DefineDynamicModule('CsVault.Values')

# A type whose objects have a Name, print as it between two texts, and are equal to what prints as the name or as they do, in any case of
# its letters. It is made of the instructions of .NET: a class of PowerShell has no dots in its name, its objects work in the runspace alone
# that made them, and to make, print and compare one takes ten times as long.
function script:New-CsVaultValueType([string] $Name, [string] $Before, [string] $After) {
    $public = [System.Reflection.MethodAttributes] 'Public, Virtual, HideBySig'
    $none = [type[]] @()
    $type = $script:CsVaultValues.DefineType($Name, [System.Reflection.TypeAttributes]::Public)
    $field = $type.DefineField('Name', [string], [System.Reflection.FieldAttributes]::Public)

    # Before + this.Name + After
    $print = $type.DefineMethod('ToString', $public, [string], $none)
    $il = $print.GetILGenerator()
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldstr, $Before)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldfld, $field)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldstr, $After)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, [System.Reflection.RuntimeReflectionExtensions]::GetRuntimeMethod([string], 'Concat', [type[]] ([string], [string], [string])))
    $il.Emit([System.Reflection.Emit.OpCodes]::Ret)

    # String.Equals(this.Name, "" + other, OrdinalIgnoreCase) | String.Equals(this.ToString(), "" + other, OrdinalIgnoreCase)
    $text = [System.Reflection.RuntimeReflectionExtensions]::GetRuntimeMethod([string], 'Concat', [type[]] ([object]))
    $equal = [System.Reflection.RuntimeReflectionExtensions]::GetRuntimeMethod([string], 'Equals', [type[]] ([string], [string], [StringComparison]))
    $il = $type.DefineMethod('Equals', $public, [bool], [type[]] ([object])).GetILGenerator()
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldfld, $field)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldarg_1)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, $text)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldc_I4_5)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, $equal)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, $print)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldarg_1)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, $text)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldc_I4_5)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, $equal)
    $il.Emit([System.Reflection.Emit.OpCodes]::Or)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ret)

    # StringComparer.OrdinalIgnoreCase.GetHashCode(this.ToString())
    $il = $type.DefineMethod('GetHashCode', $public, [int], $none).GetILGenerator()
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, [System.Reflection.RuntimeReflectionExtensions]::GetRuntimeMethod([StringComparer], 'get_OrdinalIgnoreCase', $none))
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, $print)
    $il.Emit([System.Reflection.Emit.OpCodes]::Callvirt, [System.Reflection.RuntimeReflectionExtensions]::GetRuntimeMethod([StringComparer], 'GetHashCode', [type[]] ([string])))
    $il.Emit([System.Reflection.Emit.OpCodes]::Ret)
    return $type.CreateType()
}
