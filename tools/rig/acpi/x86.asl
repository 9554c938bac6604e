// SPDX-License-Identifier: GPL-2.0-only
//
// A parent for the tests, and a child of it, on a machine without devicetree

DefinitionBlock ("", "SSDT", 2, "SUBDEV", "RIG", 1)
{
	Scope (\_SB)
	{
		Device (RIGP)
		{
			Name (_HID, "RIGP0001")

			Device (CHLD)
			{
				Name (_ADR, 0)
			}
		}
	}
}
