/*-------------------------------------------------------------------------
 *
 * fake_backend.c
 *	  Stands in for memory contexts, dynahash, the pairing heap, LWLocks and
 *	  ereport().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "nodes/pg_list.h"
#include "storage/lwlock.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "fake_backend.h"

#define FAKE_BUCKETS	64

static void
give_up(const char *what)
{
	fprintf(stderr, "fake backend: %s\n", what);
	abort();
}

/* ------------------------------------------------------------------------
 * Memory
 * ------------------------------------------------------------------------ */

typedef struct Chunk
{
	dlist_node	node;
	struct FakeContext *context;
	Size		size;
} Chunk;

struct FakeContext
{
	dlist_head	chunks;
	struct FakeContext *next;
};

static struct FakeContext top = {DLIST_STATIC_INIT(top.chunks), NULL};
MemoryContext TopMemoryContext = (MemoryContext) &top;
MemoryContext CurrentMemoryContext = (MemoryContext) &top;

MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name,
							  Size minContextSize, Size initBlockSize,
							  Size maxBlockSize)
{
	struct FakeContext *context = calloc(1, sizeof(struct FakeContext));

	dlist_init(&context->chunks);
	/* They are no leaks, though nobody deletes them. */
	context->next = top.next;
	top.next = context;
	return (MemoryContext) context;
}

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	Chunk	   *chunk = calloc(1, sizeof(Chunk) + size);

	chunk->context = (struct FakeContext *) context;
	chunk->size = size;
	dlist_push_tail(&chunk->context->chunks, &chunk->node);
	return chunk + 1;
}

void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	void	   *result = MemoryContextAllocZero(context, size);

	/* What is not set must not be relied on. */
	memset(result, 0x7f, size);
	return result;
}

static void
free_chunk(void *pointer)
{
	Chunk	   *chunk = (Chunk *) pointer - 1;

	dlist_delete(&chunk->node);
	free(chunk);
}

/* Weak, since some tests have those of libpgcommon. */
#pragma weak palloc
#pragma weak pfree
#pragma weak repalloc
void *
palloc(Size size)
{
	return MemoryContextAlloc(CurrentMemoryContext, size);
}

void
pfree(void *pointer)
{
	free_chunk(pointer);
}

/* Always another place. */
void *
repalloc(void *pointer, Size size)
{
	Chunk	   *chunk = (Chunk *) pointer - 1;
	void	   *result = MemoryContextAlloc((MemoryContext) chunk->context, size);

	memcpy(result, pointer, Min(size, chunk->size));
	free_chunk(pointer);
	return result;
}

void *
repalloc_huge(void *pointer, Size size)
{
	return repalloc(pointer, size);
}

void
MemoryContextReset(MemoryContext context)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &((struct FakeContext *) context)->chunks)
		free_chunk(dlist_container(Chunk, node, iter.cur) + 1);
}

/* ------------------------------------------------------------------------
 * Lists of OIDs
 * ------------------------------------------------------------------------ */

bool
list_member_oid(const List *list, Oid datum)
{
	for (int i = 0; list != NULL && i < list->length; i++)
	{
		if (list->elements[i].oid_value == datum)
			return true;
	}
	return false;
}

List *
lappend_oid(List *list, Oid datum)
{
	if (list == NULL)
		list = calloc(1, sizeof(List));
	list->elements = realloc(list->elements, (list->length + 1) * sizeof(ListCell));
	list->elements[list->length++].oid_value = datum;
	return list;
}

void
list_free(List *list)
{
	if (list != NULL)
		free(list->elements);
	free(list);
}

/* ------------------------------------------------------------------------
 * Hash tables
 * ------------------------------------------------------------------------ */

typedef struct FakeElement
{
	struct FakeElement *next;
	uint32		bucket;
} FakeElement;

#define ENTRY_OF(element)	((char *) (element) + MAXALIGN(sizeof(FakeElement)))

struct HTAB
{
	HASHCTL		control;
	int64		count;
	FakeElement *buckets[FAKE_BUCKETS];
};

HTAB *
hash_create(const char *tabname, long nelem, const HASHCTL *info, int flags)
{
	HTAB	   *table = MemoryContextAllocZero(info->hcxt, sizeof(HTAB));

	if (flags != (HASH_ELEM | HASH_BLOBS | HASH_CONTEXT))
		give_up("these flags of hash_create() are not built");
	table->control = *info;
	return table;
}

void
hash_destroy(HTAB *table)
{
	for (int i = 0; i < FAKE_BUCKETS; i++)
	{
		while (table->buckets[i] != NULL)
			(void) hash_search(table, ENTRY_OF(table->buckets[i]), HASH_REMOVE, NULL);
	}
	free_chunk(table);
}

static uint32
bucket_of(HTAB *table, const void *key)
{
	uint32		hash = 2166136261u;

	for (Size i = 0; i < table->control.keysize; i++)
		hash = (hash ^ ((const unsigned char *) key)[i]) * 16777619u;
	return hash % FAKE_BUCKETS;
}

static void *
add_element(HTAB *table, FakeElement **place, const void *key, uint32 bucket)
{
	FakeElement *element = MemoryContextAlloc(table->control.hcxt,
											  MAXALIGN(sizeof(FakeElement)) + table->control.entrysize);

	element->next = NULL;
	element->bucket = bucket;
	memcpy(ENTRY_OF(element), key, table->control.keysize);
	*place = element;
	table->count++;
	return ENTRY_OF(element);
}

void *
hash_search(HTAB *table, const void *key, HASHACTION action, bool *found)
{
	uint32		bucket = bucket_of(table, key);
	FakeElement **place = &table->buckets[bucket];
	FakeElement *element;

	while (*place && memcmp(ENTRY_OF(*place), key, table->control.keysize) != 0)
		place = &(*place)->next;
	element = *place;
	if (found)
		*found = element != NULL;
	if (action == HASH_REMOVE && element)
	{
		*place = element->next;
		free_chunk(element);
		table->count--;
		return table;			/* not NULL, and of no use */
	}
	if (action == HASH_ENTER && !element)
		return add_element(table, place, key, bucket);
	return element ? ENTRY_OF(element) : NULL;
}

long
hash_get_num_entries(HTAB *table)
{
	return table->count;
}

/* The next element is found before one is returned: that one may be removed. */
static void
skip_empty_buckets(HASH_SEQ_STATUS *status)
{
	while (status->curEntry == NULL && status->curBucket + 1 < FAKE_BUCKETS)
		status->curEntry = (void *) status->hashp->buckets[++status->curBucket];
}

void
hash_seq_init(HASH_SEQ_STATUS *status, HTAB *table)
{
	status->hashp = table;
	status->curBucket = 0;
	status->curEntry = (void *) table->buckets[0];
	skip_empty_buckets(status);
}

void *
hash_seq_search(HASH_SEQ_STATUS *status)
{
	FakeElement *element = (void *) status->curEntry;

	if (element == NULL)
		return NULL;
	status->curEntry = (void *) element->next;
	skip_empty_buckets(status);
	return ENTRY_OF(element);
}

/* What libpgcommon allocates is in no context, and goes with none: not worth a word. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:make_room_for\nleak:init_key\n";
}

const char *
__lsan_default_options(void)
{
	return "print_suppressions=0";
}

/* ------------------------------------------------------------------------
 * The heap: a list in order, largest first, checked now and then
 * ------------------------------------------------------------------------ */

static void
check_heap(pairingheap *heap)
{
	static unsigned looks = 0;

	/* Each look takes as long as the heap is. */
	if (++looks % 16 != 0)
		return;
	for (pairingheap_node *node = heap->ph_root; node && node->next_sibling;
		 node = node->next_sibling)
	{
		if (heap->ph_compare(node, node->next_sibling, heap->ph_arg) <= 0)
			give_up("a key has changed in a heap, or two nodes are alike");
	}
}

void
pairingheap_add(pairingheap *heap, pairingheap_node *node)
{
	pairingheap_node **place = &heap->ph_root;

	check_heap(heap);
	while (*place && heap->ph_compare(*place, node, heap->ph_arg) > 0)
		place = &(*place)->next_sibling;
	node->next_sibling = *place;
	*place = node;
	check_heap(heap);
}

pairingheap_node *
pairingheap_first(pairingheap *heap)
{
	if (heap->ph_root == NULL)
		give_up("the first of an empty heap was asked for");
	return heap->ph_root;
}

pairingheap_node *
pairingheap_remove_first(pairingheap *heap)
{
	pairingheap_node *node = pairingheap_first(heap);

	pairingheap_remove(heap, node);
	return node;
}

void
pairingheap_remove(pairingheap *heap, pairingheap_node *node)
{
	pairingheap_node **place = &heap->ph_root;

	check_heap(heap);
	while (*place && *place != node)
		place = &(*place)->next_sibling;
	if (*place == NULL)
		give_up("a node was removed from a heap that it is not in");
	*place = node->next_sibling;
}

/* ------------------------------------------------------------------------
 * Locks
 * ------------------------------------------------------------------------ */

int			fake_locks_held = 0;

bool
LWLockAcquire(LWLock *lock, LWLockMode mode)
{
	if (fake_locks_held++ != 0)
		give_up("a lock was taken with another one held");
	return true;
}

void
LWLockRelease(LWLock *lock)
{
	if (--fake_locks_held != 0)
		give_up("a lock was released that is not held");
}

/* ------------------------------------------------------------------------
 * Errors
 * ------------------------------------------------------------------------ */

sigjmp_buf *fake_error_jump = NULL;
char		fake_error_message[256];

bool
errstart(int elevel, const char *domain)
{
	return elevel >= ERROR;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return elevel >= ERROR;
}

int
errcode(int sqlerrcode)
{
	return 0;
}

int
errmsg(const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	vsnprintf(fake_error_message, sizeof(fake_error_message), fmt, args);
	va_end(args);
	return 0;
}

int
errmsg_internal(const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	vsnprintf(fake_error_message, sizeof(fake_error_message), fmt, args);
	va_end(args);
	return 0;
}

int
errdetail(const char *fmt,...)
{
	return 0;
}

int
errhint(const char *fmt,...)
{
	return 0;
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	if (fake_error_jump == NULL)
		give_up(fake_error_message);
	siglongjmp(*fake_error_jump, 1);
}
