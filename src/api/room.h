/*-------------------------------------------------------------------------
 *
 * room.h
 *	  How many more pending runs a limit lets in, as this session believes.
 *
 * Counting costs as much as there are runs. So a session that has found room
 * uses an eighth of it, for a second at most, before it counts again: a limit is
 * exact where it is small or near, and else may be overrun when many enqueue at
 * once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_ROOM_H
#define TASKLY_ROOM_H

#include "taskly.h"

/* Of the queue or role that was counted last: a static one per kind of limit. */
typedef struct RoomBelief
{
	int64		id;				/* of that queue or role */
	int64		limit;
	int64		room;
	int64		until_us;		/* monotonic */
} RoomBelief;

/* Is there room for so many, without counting? Then they take it. */
extern bool room_is_believed(RoomBelief *belief, int64 id, int64 limit, int64 count);

/* So much room was counted, for at least count, which take it. */
extern void room_believe(RoomBelief *belief, int64 id, int64 limit, int64 room, int64 count);

#endif							/* TASKLY_ROOM_H */
