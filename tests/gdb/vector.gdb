# SPDX-License-Identifier: MIT
# Vector registers and their CSRs, of a hart with VLEN 256. It also runs against QEMU.

expect misa ($misa&0x200000)!=0
expect length $vlenb==32
set $v3.b[5]=77
expect byte-written $v3.b[5]==77
expect as-long $v3.l[0]==(77L<<40)
set $v31.w[7]=0x12345678
expect last-written $v31.w[7]==0x12345678
expect neighbours-kept $v30.l[3]==0
expect rest-kept $v31.l[2]==0
set $vxrm=3
expect csr-written $vcsr==6
expect vl-at-reset $vl==0
stepi
expect kept $v3.b[5]==77
kill
