/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In place of QEMU's own IORT: which streams the devices of ssdt.asl have. It
 * mirrors the iommu-maps of machine.dts, and check.c knows the input IDs. An ID
 * Count is one less than the number of IDs.
 */

/* Nodes, by their offset in the table */
#define AT_ITS		0x30
#define AT_SMMU		0x48
#define AT_NEVER	0xa0

/* Linux takes it for QEMU's by these two, if the revision is higher */
                          Signature : "IORT"
                       Table Length : 00000000
                           Revision : 00
                           Checksum : 00
                             Oem ID : "BOCHS "
                       Oem Table ID : "BXPC    "
                       Oem Revision : 00000002
                    Asl Compiler ID : "INTL"
              Asl Compiler Revision : 00000000
                         Node Count : 00000007
                        Node Offset : AT_ITS
                           Reserved : 00000000

/* ITS */
                               Type : 00
                             Length : 0018
                           Revision : 00
                           Reserved : 00000000
                      Mapping Count : 00000000
                     Mapping Offset : 00000000
                           ItsCount : 00000001
                        Identifiers : 00000000

/* SMMU, as QEMU has it */
                               Type : 04
                             Length : 0058
                           Revision : 01
                           Reserved : 00000000
                      Mapping Count : 00000001
                     Mapping Offset : 00000044
                       Base Address : 0000000009050000
              Flags (decoded below) : 00000001
                    COHACC Override : 1
                      HTTU Override : 0
             Proximity Domain Valid : 0
                           Reserved : 00000000
                      VATOS Address : 0000000000000000
                              Model : 00000000
                         Event GSIV : 0000006A
                           PRI GSIV : 0000006B
                          GERR GSIV : 0000006D
                          Sync GSIV : 0000006C
                   Proximity Domain : 00000000
            Device ID Mapping Index : 00000000
                         Input base : 00000000
                           ID Count : 0000FFFF
                        Output Base : 00000000
                   Output Reference : AT_ITS
              Flags (decoded below) : 00000000
                     Single Mapping : 0

/* NEVER: an SMMUv2, whose driver is on no machine of the rig */
                               Type : 03
                             Length : 004C
                           Revision : 01
                           Reserved : 00000000
                      Mapping Count : 00000000
                     Mapping Offset : 00000000
                       Base Address : 000000000B000000
                               Span : 0000000000010000
                              Model : 00000003
              Flags (decoded below) : 00000000
                      DVM Supported : 0
                      Coherent Walk : 0
            Global Interrupt Offset : 0000003C
            Context Interrupt Count : 00000000
           Context Interrupt Offset : 00000000
                PMU Interrupt Count : 00000000
               PMU Interrupt Offset : 00000000
                            NSgIrpt : 000000C8
      NSgIrpt Flags (decoded below) : 00000000
                     Edge Triggered : 0
                         NSgCfgIrpt : 00000000
   NSgCfgIrpt Flags (decoded below) : 00000000
                     Edge Triggered : 0

/* PCI: the engines' stream IDs, 0x8 to 0x20, are the accelerator's */
                               Type : 02
                             Length : 0038
                           Revision : 01
                           Reserved : 00000000
                      Mapping Count : 00000001
                     Mapping Offset : 00000024
                  Memory Properties : [IORT Memory Access Properties]
                    Cache Coherency : 00000001
              Hints (decoded below) : 00
                          Transient : 0
                     Write Allocate : 0
                      Read Allocate : 0
                           Override : 0
                           Reserved : 0000
       Memory Flags (decoded below) : 03
                          Coherency : 1
                   Device Attribute : 1
                      ATS Attribute : 00000000
                 PCI Segment Number : 00000000
                  Memory Size Limit : 40
                           Reserved : 000000
                         Input base : 00000000
                           ID Count : 00000007
                        Output Base : 00000000
                   Output Reference : AT_SMMU
              Flags (decoded below) : 00000000
                     Single Mapping : 0

/* ACCL: the input ID is the number of the engine */
                               Type : 01
                             Length : 0078
                           Revision : 01
                           Reserved : 00000000
                      Mapping Count : 00000004
                     Mapping Offset : 00000028
                         Node Flags : 00000000
                  Memory Properties : [IORT Memory Access Properties]
                    Cache Coherency : 00000001
              Hints (decoded below) : 00
                          Transient : 0
                     Write Allocate : 0
                      Read Allocate : 0
                           Override : 0
                           Reserved : 0000
       Memory Flags (decoded below) : 03
                          Coherency : 1
                   Device Attribute : 1
                  Memory Size Limit : 40
                        Device Name : "\_SB_.ACCL"
                         Input base : 00000000
                           ID Count : 00000000
                        Output Base : 00000008
                   Output Reference : AT_SMMU
              Flags (decoded below) : 00000000
                     Single Mapping : 0
                         Input base : 00000001
                           ID Count : 00000000
                        Output Base : 00000010
                   Output Reference : AT_SMMU
              Flags (decoded below) : 00000000
                     Single Mapping : 0
                         Input base : 00000002
                           ID Count : 00000000
                        Output Base : 00000018
                   Output Reference : AT_SMMU
              Flags (decoded below) : 00000000
                     Single Mapping : 0
                         Input base : 00000003
                           ID Count : 00000000
                        Output Base : 00000020
                   Output Reference : AT_SMMU
              Flags (decoded below) : 00000000
                     Single Mapping : 0

/* PRNT */
                               Type : 01
                             Length : 00A0
                           Revision : 01
                           Reserved : 00000000
                      Mapping Count : 00000006
                     Mapping Offset : 00000028
                         Node Flags : 00000000
                  Memory Properties : [IORT Memory Access Properties]
                    Cache Coherency : 00000001
              Hints (decoded below) : 00
                          Transient : 0
                     Write Allocate : 0
                      Read Allocate : 0
                           Override : 0
                           Reserved : 0000
       Memory Flags (decoded below) : 03
                          Coherency : 1
                   Device Attribute : 1
                  Memory Size Limit : 40
                        Device Name : "\_SB_.PRNT"
                         Input base : 00000000
                           ID Count : 000000FF
                        Output Base : 00000100
                   Output Reference : AT_SMMU
              Flags (decoded below) : 00000000
                     Single Mapping : 0
/* Past all IOMMUs, as far as an IORT can say that one is switched off */
                         Input base : 00001000
                           ID Count : 00000000
                        Output Base : 00000000
                   Output Reference : AT_ITS
              Flags (decoded below) : 00000000
                     Single Mapping : 0
/* Engine 0's, the PCI host bridge's, engine 1's */
                         Input base : 00002000
                           ID Count : 00000000
                        Output Base : 00000008
                   Output Reference : AT_SMMU
              Flags (decoded below) : 00000000
                     Single Mapping : 0
                         Input base : 00002001
                           ID Count : 00000000
                        Output Base : 00000000
                   Output Reference : AT_SMMU
              Flags (decoded below) : 00000000
                     Single Mapping : 0
                         Input base : 00002002
                           ID Count : 00000000
                        Output Base : 00000010
                   Output Reference : AT_SMMU
              Flags (decoded below) : 00000000
                     Single Mapping : 0
/* More than the SMMU has */
                         Input base : 00003000
                           ID Count : 00000000
                        Output Base : 10000000
                   Output Reference : AT_SMMU
              Flags (decoded below) : 00000000
                     Single Mapping : 0

/* ABSN */
                               Type : 01
                             Length : 0050
                           Revision : 01
                           Reserved : 00000000
                      Mapping Count : 00000002
                     Mapping Offset : 00000028
                         Node Flags : 00000000
                  Memory Properties : [IORT Memory Access Properties]
                    Cache Coherency : 00000001
              Hints (decoded below) : 00
                          Transient : 0
                     Write Allocate : 0
                      Read Allocate : 0
                           Override : 0
                           Reserved : 0000
       Memory Flags (decoded below) : 03
                          Coherency : 1
                   Device Attribute : 1
                  Memory Size Limit : 40
                        Device Name : "\_SB_.ABSN"
                         Input base : 00000000
                           ID Count : 00000000
                        Output Base : 00000000
                   Output Reference : AT_NEVER
              Flags (decoded below) : 00000000
                     Single Mapping : 0
/* This one is there */
                         Input base : 00000001
                           ID Count : 00000000
                        Output Base : 00000300
                   Output Reference : AT_SMMU
              Flags (decoded below) : 00000000
                     Single Mapping : 0
