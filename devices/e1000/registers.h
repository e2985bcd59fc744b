/* SPDX-License-Identifier: MIT
 *
 * Registers and bits that both cards have (Intel's "PCI/PCI-X Family of Gigabit Ethernet Controllers Software
 * Developer's Manual", chapter 13; "82574 GbE Controller Family Datasheet", chapter 10).
 */
#ifndef DEVICES_E1000_REGISTERS_H
#define DEVICES_E1000_REGISTERS_H

enum e1000_register { /* offsets in BAR 0 */
                      E1000_CTRL = 0x0000,
                      E1000_STATUS = 0x0008,
                      E1000_EECD = 0x0010,
                      E1000_EERD = 0x0014,
                      E1000_CTRL_EXT = 0x0018,
                      E1000_MDIC = 0x0020,
                      E1000_VET = 0x0038,
                      E1000_ICR = 0x00c0,
                      E1000_ITR = 0x00c4,
                      E1000_ICS = 0x00c8,
                      E1000_IMS = 0x00d0,
                      E1000_IMC = 0x00d8,
                      E1000_EIAC = 0x00dc, /* 82574 only, as the next three */
                      E1000_IAM = 0x00e0,
                      E1000_IVAR = 0x00e4,
                      E1000_EITR = 0x00e8, /* five of them */
                      E1000_RCTL = 0x0100,
                      E1000_TCTL = 0x0400,
                      E1000_EXTCNF_CTRL = 0x0f00,
                      E1000_PBA = 0x1000,
                      E1000_PSRCTL = 0x2170,
                      E1000_RDBAL = 0x2800,
                      E1000_RDBAH = 0x2804,
                      E1000_RDLEN = 0x2808,
                      E1000_RDH = 0x2810,
                      E1000_RDT = 0x2818,
                      E1000_RDT1 = 0x2918,
                      E1000_TDBAL = 0x3800,
                      E1000_TDBAH = 0x3804,
                      E1000_TDLEN = 0x3808,
                      E1000_TDH = 0x3810,
                      E1000_TDT = 0x3818,
                      E1000_TDT1 = 0x3918,
                      E1000_STATISTICS = 0x4000,
                      E1000_MPC = 0x4010,
                      E1000_PRC64 = 0x405c, /* six, by size */
                      E1000_GPRC = 0x4074,
                      E1000_BPRC = 0x4078,
                      E1000_MPRC = 0x407c,
                      E1000_GPTC = 0x4080,
                      E1000_GORCL = 0x4088,
                      E1000_GOTCL = 0x4090,
                      E1000_ROC = 0x40ac,
                      E1000_TORL = 0x40c0,
                      E1000_TOTL = 0x40c8,
                      E1000_TPR = 0x40d0,
                      E1000_TPT = 0x40d4,
                      E1000_PTC64 = 0x40d8, /* six, by size */
                      E1000_MPTC = 0x40f0,
                      E1000_BPTC = 0x40f4,
                      E1000_TSCTC = 0x40f8,
                      E1000_STATISTICS_END = 0x4128,
                      E1000_RXCSUM = 0x5000,
                      E1000_RFCTL = 0x5008,
                      E1000_MTA = 0x5200,
                      E1000_RAL = 0x5400, /* 16 pairs with RAH */
                      E1000_VFTA = 0x5600,
                      E1000_MRQC = 0x5818,
                      E1000_SWSM = 0x5b50,
                      E1000_END = 0x6000
};

enum {
    E1000_CTRL_MASTER_DISABLE = 1 << 2, /* 82574 */
    E1000_CTRL_SLU = 1 << 6,
    E1000_CTRL_RST = 1 << 26,
    E1000_CTRL_VME = 1 << 30
};
#define E1000_CTRL_PHY_RST UINT32_C(0x80000000)
enum {
    E1000_STATUS_FD = 1,
    E1000_STATUS_LU = 1 << 1,
    E1000_STATUS_SPEED_1000 = 2 << 6,
    E1000_STATUS_PCI66 = 1 << 11, /* 82540 */
    E1000_STATUS_MASTER = 1 << 19 /* 82574 */
};
enum {
    E1000_EECD_SK = 1,
    E1000_EECD_CS = 2,
    E1000_EECD_DI = 4,
    E1000_EECD_DO = 8,
    E1000_EECD_REQ = 1 << 6,
    E1000_EECD_GNT = 1 << 7,
    E1000_EECD_PRES = 1 << 8,
    E1000_EECD_AUTO_RD = 1 << 9 /* 82574 */
};
enum { E1000_CTRL_EXT_EIAME = 1 << 24, E1000_CTRL_EXT_IAME = 1 << 27 };
enum {
    E1000_MDIC_WRITE = 1,
    E1000_MDIC_READ = 2,
    E1000_MDIC_READY = 1 << 28,
    E1000_MDIC_INTERRUPT = 1 << 29,
    E1000_MDIC_ERROR = 1 << 30
};
enum { /* causes of interrupts: ICR, ICS, IMS, IMC */
       E1000_CAUSE_TXDW = 1 << 0,
       E1000_CAUSE_TXQE = 1 << 1,
       E1000_CAUSE_LSC = 1 << 2,
       E1000_CAUSE_RXDMT0 = 1 << 4,
       E1000_CAUSE_RXT0 = 1 << 7,
       E1000_CAUSE_MDAC = 1 << 9,
       E1000_CAUSE_RXQ0 = 1 << 20, /* 82574: the five that have messages of their own */
       E1000_CAUSE_TXQ0 = 1 << 22,
       E1000_CAUSE_OTHER = 1 << 24
};
#define E1000_CAUSE_ASSERTED UINT32_C(0x80000000) /* 82574, in ICR */
enum {
    E1000_RCTL_EN = 1 << 1,
    E1000_RCTL_UPE = 1 << 3,
    E1000_RCTL_MPE = 1 << 4,
    E1000_RCTL_LPE = 1 << 5,
    E1000_RCTL_LOOPBACK = 3 << 6,
    E1000_RCTL_SPLIT = 1 << 10, /* 82574 */
    E1000_RCTL_BAM = 1 << 15,
    E1000_RCTL_VFE = 1 << 18,
    E1000_RCTL_BSEX = 1 << 25,
    E1000_RCTL_SECRC = 1 << 26
};
enum { E1000_TCTL_EN = 1 << 1 };
enum { E1000_RXCSUM_IP = 1 << 8, E1000_RXCSUM_TCP = 1 << 9 };
enum { E1000_RFCTL_EXTENDED = 1 << 15 };

enum { /* of a received frame, in the descriptor */
       E1000_RX_DD = 0x01,
       E1000_RX_EOP = 0x02,
       E1000_RX_IXSM = 0x04, /* checksums were not looked at */
       E1000_RX_VP = 0x08,
       E1000_RX_TCPCS = 0x20,
       E1000_RX_IPCS = 0x40
};
enum { /* commands of a descriptor to transmit */
       E1000_TX_EOP = 0x01,
       E1000_TX_IC = 0x04,  /* legacy */
       E1000_TX_TSE = 0x04, /* data, context */
       E1000_TX_RS = 0x08,
       E1000_TX_DEXT = 0x20,
       E1000_TX_VLE = 0x40,
       E1000_TX_TCP = 0x01,  /* context */
       E1000_TX_IPV4 = 0x02, /* context */
       E1000_TX_DD = 0x01,   /* status */
       E1000_TX_IXSM = 0x01, /* options */
       E1000_TX_TXSM = 0x02
};

#endif
