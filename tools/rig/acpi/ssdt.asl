/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What machine.dts puts beside QEMU's own devices, for ACPI: the accelerator, and
 * parents for the tests. Which streams they have is in iort.asl. PRP0001 is for
 * devices without an ACPI ID: drivers know them by "compatible".
 */

#define COMPATIBLE(name)						  \
	Name (_HID, "PRP0001")						  \
	Name (_DSD, Package () {					  \
		ToUUID ("daffd814-6eba-4d8c-8a91-bc9bbf4aa301"),	  \
		Package () { Package () { "compatible", name } }	  \
	})
#define ENGINE(base)	Memory32Fixed (ReadWrite, base, 0x00100000)

DefinitionBlock ("", "SSDT", 2, "SUBDEV", "RIG", 1)
{
	Scope (\_SB)
	{
		/* accel.c knows the order: it is that of Linux's names */
		Device (ACCL)
		{
			COMPATIBLE ("qemu,edu-accel")
			Name (_UID, 0)
			Name (_CCA, 1)
			Name (_CRS, ResourceTemplate () {
				ENGINE (0x10000000)
				ENGINE (0x10100000)
				ENGINE (0x10200000)
				ENGINE (0x10300000)
			})
		}

		Device (NMAP)
		{
			COMPATIBLE ("iommu-subdev,rig-parent")
			Name (_UID, 1)
			Name (_CCA, 1)
		}

		Device (PRNT)
		{
			COMPATIBLE ("iommu-subdev,rig-parent")
			Name (_UID, 2)
			Name (_CCA, 1)

			/* No node of ACPI can describe a context */
			Device (PAIR)
			{
				Name (_ADR, 0)
			}
		}

		Device (ABSN)
		{
			COMPATIBLE ("iommu-subdev,rig-parent")
			Name (_UID, 3)
			Name (_CCA, 1)
		}
	}
}
