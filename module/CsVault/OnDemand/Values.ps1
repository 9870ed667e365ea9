# Types of values that are more than a text.
#
# PowerShell compiles code for each kind of call that is made here, which takes longer than the call: hence few kinds. What is a text may
# be given where .NET wants something else that can be made of it.

# What the types below are made in.
$script:CsVaultValues = [System.Reflection.Emit.AssemblyBuilder]::DefineDynamicAssembly('CsVault.Values', 'Run').DefineDynamicModule('CsVault.Values')

# A type whose objects have a Name, print as it behind a text, and are equal to what prints as the name or as they do, in any case of
# its letters. It is made of the instructions of .NET: a class of PowerShell has no dots in its name, its objects work in the runspace alone
# that made them, and to make, print and compare one takes ten times as long.
function script:New-CsVaultValueType([string] $Name, [string] $Before) {
    $none = [type]::EmptyTypes
    $type = $script:CsVaultValues.DefineType($Name, 'Public')
    $field = $type.DefineField('Name', [string], 'Public')

    # Before + this.Name
    $il = $type.DefineMethod('ToString', 'Public, Virtual, HideBySig', [string], $none).GetILGenerator()
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldstr, $Before)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldfld, $field)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, [System.Reflection.RuntimeReflectionExtensions]::GetRuntimeMethod([string], 'Concat', @([string], [string])))
    $il.Emit([System.Reflection.Emit.OpCodes]::Ret)

    # String.Equals(this.Name, "" + other, OrdinalIgnoreCase) | String.Equals("" + this, "" + other, OrdinalIgnoreCase)
    $text = [System.Reflection.RuntimeReflectionExtensions]::GetRuntimeMethod([string], 'Concat', @([object]))
    $equal = [System.Reflection.RuntimeReflectionExtensions]::GetRuntimeMethod([string], 'Equals', @([string], [string], [StringComparison]))
    $il = $type.DefineMethod('Equals', 'Public, Virtual, HideBySig', [bool], @([object])).GetILGenerator()
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldfld, $field)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldarg_1)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, $text)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldc_I4_5)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, $equal)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, $text)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldarg_1)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, $text)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldc_I4_5)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, $equal)
    $il.Emit([System.Reflection.Emit.OpCodes]::Or)
    $il.Emit([System.Reflection.Emit.OpCodes]::Ret)

    # StringComparer.OrdinalIgnoreCase.GetHashCode("" + this)
    $il = $type.DefineMethod('GetHashCode', 'Public, Virtual, HideBySig', [int], $none).GetILGenerator()
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, [System.Reflection.RuntimeReflectionExtensions]::GetRuntimeMethod([StringComparer], 'get_OrdinalIgnoreCase', $none))
    $il.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
    $il.Emit([System.Reflection.Emit.OpCodes]::Call, $text)
    $il.Emit([System.Reflection.Emit.OpCodes]::Callvirt, [System.Reflection.RuntimeReflectionExtensions]::GetRuntimeMethod([StringComparer], 'GetHashCode', @([string])))
    $il.Emit([System.Reflection.Emit.OpCodes]::Ret)
    return $type.CreateType()
}
