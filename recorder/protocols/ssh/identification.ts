import type { Socket } from 'node:net';

/** RFC 4253 section 4.2, with the line's end. */
const LONGEST = 255;
const LINE_FEED = 10;

/**
 * Holds back the first line of a client until it is whole, since ssh2 loses the middle of one that arrives in more than
 * two pieces, and never tires of one that has no end. Closes the connection when the line is too long. Call before
 * anybody reads.
 */
export function awaitIdentification(socket: Socket): void {
  const push = socket.push;
  let line = Buffer.alloc(0);
  socket.push = (chunk: Buffer | null) => {
    if (chunk !== null) {
      line = Buffer.concat([line, chunk]);
      const end = line.indexOf(LINE_FEED);
      if (end === -1 && line.length < LONGEST) return true;
      if (end === -1 || end >= LONGEST) {
        socket.destroy();
        return false;
      }
    }
    socket.push = push;
    if (line.length > 0) push.call(socket, line);
    return chunk === null ? push.call(socket, null) : true;
  };
}
