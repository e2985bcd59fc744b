/* SPDX-License-Identifier: MIT
 *
 * The board `dt`: what a device tree describes. A tree is a stranger's: every length, count and phandle in it
 * is checked, and what does not fit is a named error, or a device that is not there.
 *
 * tree.c reads properties. tree_board.c makes a struct board of a tree: memory, ROM, and a list of the
 * devices. tree_harts.c has the harts. tree_models.c makes the devices. Used by the thread that makes the
 * machine; a struct board_tree does not change once it is made.
 */
#ifndef MACHINE_BOARDS_TREE_H
#define MACHINE_BOARDS_TREE_H

#include "machine/boards/boards.h"

#define TREE_NODES_MAX    4096
#define TREE_DEPTH_MAX    16
#define TREE_MEMORIES_MAX 8
#define TREE_RESERVED_MAX 32
#define TREE_DEVICES_MAX  96
#define TREE_NAME_MAX     48
#define TREE_CPU_MAX      1536
#define TREE_NONE         UINT32_MAX /* no node */

/* A node, by its number in the order of the tree; the root is 0. */
struct tree_node {
    int offset;      /* libfdt's */
    uint32_t parent; /* TREE_NONE: the root's */
    uint32_t phandle;
};

struct tree_model;

/* Something with registers. */
struct tree_device {
    uint32_t node;
    const struct tree_model *model; /* NULL: there is none, and the registers read as 0 */
    struct board_range range;       /* of the registers */
    unsigned number;                /* of a virtio slot or a -serial; 1: with a slot for an SD card */
    bool listed;                    /* the user is told that it is not there */
    bool left_out;                  /* it has no registers: it is in RAM, or there is no room for them */
    char name[TREE_NAME_MAX];       /* for people: what cannot be printed is '?' */
};

struct board_tree {
    struct board board;
    void *fdt;
    struct tree_node *nodes;
    uint32_t count;
    struct tree_device devices[TREE_DEVICES_MAX];   /* in the order of the tree */
    unsigned device_count, dropped;                 /* dropped: there is no room for more */
    struct board_range memories[TREE_MEMORIES_MAX]; /* the first one is the board's RAM */
    unsigned memory_count;
    struct board_range reserved[TREE_RESERVED_MAX];
    unsigned hart_count;
    uint32_t intc[MACHINE_HARTS_MAX];            /* node of each hart's interrupt controller */
    char cpu[TREE_CPU_MAX], first[TREE_CPU_MAX]; /* for -cpu: of the harts, and of hart 0 */
    char other[TREE_CPU_MAX];                    /* of the hart that is compared with those */
    char missing[256];                           /* extensions that the harts do not have */
    struct device *plic;                         /* while devices are made; NULL: none */
    uint32_t plic_node;
};

/* ---- tree.c -------------------------------------------------------------------------------------------- */

/* Numbers the nodes. False, with *error filled, if there are too many, or they are nested too deep. */
bool tree_index(struct board_tree *tree, struct error *error);
/* The node at an offset of libfdt, or with a phandle; TREE_NONE: there is none. */
uint32_t tree_at(const struct board_tree *tree, int offset);
uint32_t tree_by_phandle(const struct board_tree *tree, uint32_t phandle);
/* The child that comes after `child` (TREE_NONE: the first one); TREE_NONE: there are no more. */
uint32_t tree_child(const struct board_tree *tree, uint32_t node, uint32_t child);
const void *tree_bytes(const struct board_tree *tree, uint32_t node, const char *name, uint32_t *length);
/* A property that is one text or more, each with its 0; NULL: there is none. */
const char *tree_texts(const struct board_tree *tree, uint32_t node, const char *name, uint32_t *length);
bool tree_has_text(const struct board_tree *tree, uint32_t node, const char *name, const char *text);
/* A number of one cell or two. */
bool tree_number(const struct board_tree *tree, uint32_t node, const char *name, uint64_t *number);
/* False if `status` says that it does not work. */
bool tree_is_enabled(const struct board_tree *tree, uint32_t node);
/* Range `n` of `reg`, as a hart sees it. False: there is none, it is malformed, or no hart sees it. */
bool tree_reg(const struct board_tree *tree, uint32_t node, unsigned n, struct board_range *range);
/* Copies a name for people. */
void tree_name(char *to, size_t size, const char *from, size_t length);

/* The wires of a device, one after the other: which controller they lead to, and which input of it. */
struct tree_wires {
    const struct board_tree *tree;
    const uint8_t *at;
    uint32_t left;   /* bytes */
    uint32_t parent; /* of all; TREE_NONE: each has its own */
};
struct tree_wires tree_wires(const struct board_tree *tree, uint32_t node);
bool tree_next_wire(struct tree_wires *wires, uint32_t *controller, uint32_t *number);

/* ---- tree_harts.c -------------------------------------------------------------------------------------- */

/* Finds the harts and what they are. Takes extensions that are not here out of the tree, so that guests do
 * not look for them; the nodes are to be numbered anew after that. False, with *error filled. */
bool tree_read_harts(struct board_tree *tree, struct error *error);
/* Which hart has this interrupt controller; MACHINE_HARTS_MAX: none. */
unsigned tree_hart_of(const struct board_tree *tree, uint32_t intc);

/* ---- tree_models.c ------------------------------------------------------------------------------------- */

/* What makes the devices of one `compatible`. */
enum tree_kind {
    TREE_OTHER,
    TREE_PLIC,
    TREE_SERIAL,
    TREE_VIRTIO,
    TREE_FLASH,
    TREE_SD,
    TREE_CLINT,
    TREE_PCI,
    TREE_SCREEN
};
struct tree_model {
    const char *compatible;
    enum tree_kind kind;
    uint64_t size; /* bytes of the registers; 0: as the tree says */
    /* Whether it can be as the tree describes it. NULL: it always can. */
    bool (*fits)(const struct board_tree *tree, const struct tree_device *device);
    /* Makes it and puts it on the bus. False, with *error filled. NULL: it is a part of another device. */
    bool (*add)(struct machine *machine, struct board_tree *tree, const struct tree_device *device,
                struct error *error);
};
/* Finds the model of a node; NULL: there is none. */
const struct tree_model *tree_find_model(const struct board_tree *tree, const struct tree_device *device);
/* Makes all devices, the interrupt controller first. */
bool tree_create_devices(struct machine *machine, struct board_tree *tree, struct error *error);

#endif
