-- The log's only writer. Each line is built here, under the lock of the tenant's head row, since `seq`, `prev` and
-- `at` are known only there; the caller hands in the canonical fragments around them (src/audit/FORMAT.md).
-- SECURITY DEFINER: the program's role may call it and read the tables, and nothing else.
CREATE FUNCTION append_log(
  p_tenant text, p_entries uuid[], p_actions text[], p_actors text[], p_subjects text[],
  p_heads text[], p_middles text[], p_tails text[]
) RETURNS TABLE (entry uuid, seq bigint, at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
  head public.log_head%ROWTYPE;
  stamp text;
  full_line text;
  i integer;
BEGIN
  INSERT INTO public.log_head (tenant, seq, hash, at)
    VALUES (p_tenant, 0, decode(repeat('00', 32), 'hex'), 'epoch') ON CONFLICT (tenant) DO NOTHING;
  SELECT * INTO head FROM public.log_head h WHERE h.tenant = p_tenant FOR UPDATE;
  -- Truncated to the millisecond that the line shows, and never behind the entry before.
  head.at := greatest(date_trunc('milliseconds', clock_timestamp()), head.at);
  stamp := to_char(head.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
  FOR i IN 1 .. coalesce(array_length(p_entries, 1), 0) LOOP
    -- A repeated append (its first answer was lost) finds its entry and writes nothing.
    IF EXISTS (SELECT 1 FROM public.log_entry e WHERE e.entry = p_entries[i]) THEN
      CONTINUE;
    END IF;
    head.seq := head.seq + 1;
    -- Whoever calls may be anybody with the program's role: a line says what it is filed under, and stays one line.
    IF p_heads[i] IS DISTINCT FROM '{"action":' || to_json(p_actions[i]) || ',"actor":' || to_json(p_actors[i]) || ',"at":"'
      OR p_tails[i] IS DISTINCT FROM ',"subject":' || to_json(p_subjects[i]) || ',"tenant":' || to_json(p_tenant) || '}'
      OR p_middles[i] !~ '^","data":\{.*\},"prev":"$' OR p_middles[i] ~ '[\x01-\x1f]'
      OR (('{"' || substr(p_middles[i], 4, length(p_middles[i]) - 12) || '}')::json) IS NULL THEN
      RAISE EXCEPTION 'not the fragments of a log entry' USING ERRCODE = 'check_violation';
    END IF;
    full_line := p_heads[i] || stamp || p_middles[i] || encode(head.hash, 'hex') || '","seq":' || head.seq || p_tails[i];
    head.hash := sha256(convert_to(full_line, 'UTF8'));
    INSERT INTO public.log_entry (tenant, seq, entry, action, actor, subject, at, line, leaf)
      VALUES (p_tenant, head.seq, p_entries[i], p_actions[i], p_actors[i], p_subjects[i], head.at, full_line,
              sha256('\x00'::bytea || convert_to(full_line, 'UTF8')));
    entry := p_entries[i];
    seq := head.seq;
    at := head.at;
    RETURN NEXT;
  END LOOP;
  UPDATE public.log_head h SET seq = head.seq, hash = head.hash, at = head.at WHERE h.tenant = p_tenant;
END
$$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION append_log(text, uuid[], text[], text[], text[], text[], text[], text[]) FROM PUBLIC;
--> statement-breakpoint
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: it is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint
CREATE TRIGGER log_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_entry
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
-- ALWAYS: also where session_replication_role turns ordinary triggers off.
ALTER TABLE log_entry ENABLE ALWAYS TRIGGER log_entry_append_only;
--> statement-breakpoint
CREATE TRIGGER checkpoint_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
ALTER TABLE checkpoint ENABLE ALWAYS TRIGGER checkpoint_append_only;
--> statement-breakpoint
CREATE TRIGGER matrix_version_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON matrix_version
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
ALTER TABLE matrix_version ENABLE ALWAYS TRIGGER matrix_version_append_only;
--> statement-breakpoint
CREATE FUNCTION refuse_rewind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'UPDATE' OR NEW.tenant <> OLD.tenant OR NEW.seq < OLD.seq OR NEW.at < OLD.at THEN
    RAISE EXCEPTION '% of log_head is refused: a chain only grows', TG_OP USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END
$$;
--> statement-breakpoint
CREATE TRIGGER log_head_grows BEFORE UPDATE OR DELETE ON log_head FOR EACH ROW EXECUTE FUNCTION refuse_rewind();
--> statement-breakpoint
ALTER TABLE log_head ENABLE ALWAYS TRIGGER log_head_grows;
--> statement-breakpoint
CREATE TRIGGER log_head_not_truncated BEFORE TRUNCATE ON log_head
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
ALTER TABLE log_head ENABLE ALWAYS TRIGGER log_head_not_truncated;
