/*-------------------------------------------------------------------------
 *
 * room.c
 *	  How many more pending runs a limit lets in, as this session believes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/room.h"
#include "server/clock.h"

/* How long, and for which share of the room it found, a count is believed. */
#define ROOM_BELIEVED_US	(1 * USECS_PER_SEC)
#define ROOM_BELIEVED_SHARE	8

bool
room_is_believed(RoomBelief *belief, int64 id, int64 limit, int64 count)
{
	if (belief->id != id || belief->limit != limit || belief->room < count ||
		taskly_monotonic_us() >= belief->until_us)
		return false;
	belief->room -= count;
	return true;
}

void
room_believe(RoomBelief *belief, int64 id, int64 limit, int64 room, int64 count)
{
	belief->id = id;
	belief->limit = limit;
	belief->room = room / ROOM_BELIEVED_SHARE - count;
	belief->until_us = taskly_monotonic_us() + ROOM_BELIEVED_US;
}
